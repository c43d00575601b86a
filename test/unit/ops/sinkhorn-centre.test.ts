import { expect, test } from 'vitest';
import { compileGraph, download, Graph, upload } from '../../../src/engine/graph';
import { encodeLossScalars, LOSS_SCALARS_LENGTH, sinkhornCentre } from '../../../src/engine/ops';
import { normals } from '../../support/gradient-check';
import { testGpu } from '../../support/gpu';

const scalars = (teacherTemp: number): Float32Array =>
  encodeLossScalars({
    ...{ studentTemp: 0.1, teacherTemp, teacherPatchTemp: 0.07, lambda1: 1, lambda2: 1 },
    ...{ centreMomentum: 0.9, centreMomentum2: 0.9 },
  });

/** The scheme as DINOv2 writes it down, in f64: columns and rows of exp(l / τ) brought to equal sums, three times. */
function assignments(logits: Float32Array, rows: number, columns: number, temperature: number): Float64Array {
  const q = Float64Array.from(logits, (l) => Math.exp(l / temperature));
  const at = (row: number, column: number): number => row * columns + column;
  for (let i = 0; i < 3; i++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let row = 0; row < rows; row++) sum += q[at(row, column)]!;
      for (let row = 0; row < rows; row++) q[at(row, column)]! /= sum * columns;
    }
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let column = 0; column < columns; column++) sum += q[at(row, column)]!;
      for (let column = 0; column < columns; column++) q[at(row, column)]! /= sum;
    }
  }
  return q;
}

async function centreOf(logits: Float32Array, rows: number, columns: number, temperature: number): Promise<Float32Array> {
  const gpu = await testGpu();
  const graph = new Graph();
  const input = graph.input('logits', [rows, columns]);
  const scalarInput = graph.input('scalars', [LOSS_SCALARS_LENGTH]);
  const centre = sinkhornCentre(graph, input, scalarInput);
  graph.keep(centre);
  upload(gpu, input, logits);
  upload(gpu, scalarInput, scalars(temperature));
  const plan = await compileGraph(gpu, graph);
  plan.run();
  const found = await download(gpu, centre);
  plan.destroy();
  return Float32Array.from(found);
}

test.each([
  [1, 1],
  [7, 33],
  [33, 7],
  [20, 197],
])('%d rows, %d outputs: the softmax about the centre is what Sinkhorn–Knopp assigns', async (rows, columns) => {
  const temperature = 0.04;
  const logits = Float32Array.from(normals(rows * columns, 5), (v) => 0.1 * v);
  const centre = await centreOf(logits, rows, columns, temperature);
  const wanted = assignments(logits, rows, columns, temperature);
  for (let row = 0; row < rows; row++) {
    const weights = Array.from(centre, (c, column) => Math.exp((logits[row * columns + column]! - c) / temperature));
    const sum = weights.reduce((a, b) => a + b);
    weights.forEach((weight, column) => expect(weight / sum).toBeCloseTo(wanted[row * columns + column]!, 5));
  }
});

test('logits far apart overflow nothing', async () => {
  const centre = await centreOf(Float32Array.from([1, -1, 1, 0.999, -1, 1]), 2, 3, 0.001);
  expect([...centre].every(Number.isFinite)).toBe(true);
});
