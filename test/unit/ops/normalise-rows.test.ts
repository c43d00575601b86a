import { expect, test } from 'vitest';
import { addGradients, compileGraph, download, Graph, upload } from '../../../src/engine/graph';
import { normaliseRows, normaliseRowsOp } from '../../../src/engine/ops/normalise-rows';
import { checkOp, normals } from '../../support/gradient-check';
import { testGpu } from '../../support/gpu';

const reference = (columns: number) => ([x]: (Float64Array | Uint32Array)[]): Float64Array[] => {
  const y = new Float64Array(x!.length);
  for (let row = 0; row < x!.length; row += columns) {
    const n = Math.max(1e-12, Math.hypot(...x!.subarray(row, row + columns)));
    for (let c = 0; c < columns; c++) y[row + c] = x![row + c]! / n;
  }
  return [y];
};

for (const variant of ['row-per-thread', '16-lanes']) {
  for (const [rows, columns] of [[1, 3], [37, 48], [5, 257], [3, 256], [7, 33], [197, 7]] as const) {
    test(`normalise-rows ${rows}×${columns}, ${variant}`, async () => {
      const shapeClass = `${2 ** Math.ceil(Math.log2(rows))},${columns}`;
      await checkOp({
        op: normaliseRowsOp,
        attributes: { eps: 1e-12 },
        inputs: [{ name: 'x', shape: [rows, columns] }],
        reference: reference(columns),
        table: new Map([`normalise-rows`, 'normalise-rows-backward'].map((f) => [`${f}/${shapeClass}`, variant])),
      });
    });
  }
}

test('a row of zeros gives zeros and the gradient of x / 1e-12; rows past the count are 0 whatever they hold', async () => {
  const gpu = await testGpu();
  const graph = new Graph();
  const x = graph.input('x', [4, 3]);
  x.requiresGradient = true;
  const count = graph.input('count', [1], 'u32');
  const dy = graph.input('dy', [4, 3]);
  const y = graph.keep(normaliseRows(graph, x, count));
  const dx = graph.keep(addGradients(graph, [[y, dy]]).get(x)!);
  upload(gpu, x, new Float32Array([3, 0, 4, 0, 0, 0, NaN, 1, 1, Infinity, 2, 3]));
  upload(gpu, dy, normals(12, 1));
  upload(gpu, count, new Uint32Array([2]));
  const plan = await compileGraph(gpu, graph);
  plan.run();
  const value = await download(gpu, y);
  expect(value[0]).toBeCloseTo(0.6, 6);
  expect([...value.slice(3)]).toEqual(new Array(9).fill(0));
  const gradient = await download(gpu, dx);
  for (let c = 3; c < 6; c++) expect(gradient[c]! * 1e-12).toBeCloseTo(normals(12, 1)[c]!, 5);
  expect([...gradient.slice(6)]).toEqual(new Array(6).fill(0));
});
