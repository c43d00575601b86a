import { expect, test } from 'vitest';
import { compileGraph, download, Graph, upload } from '../../../src/engine/graph';
import { koleo } from '../../../src/engine/ops';
import { METRIC } from '../../../src/engine/ops/distillation-kernels';
import { normals } from '../../support/gradient-check';
import { testGpu } from '../../support/gpu';

/** −weight · Σ over crops of the mean of log distance to the nearest row, in f64. */
function reference(x: Float64Array, crops: number, batch: number, columns: number, weight: number): number {
  let loss = 0;
  for (let row = 0; row < crops * batch; row++) {
    const first = Math.floor(row / batch) * batch;
    let nearest = -1;
    let most = -Infinity;
    const dot = (a: number, b: number): number => {
      let sum = 0;
      for (let c = 0; c < columns; c++) sum += x[a * columns + c]! * x[b * columns + c]!;
      return sum;
    };
    for (let other = first; other < first + batch; other++) {
      if (other !== row && dot(row, other) > most) [most, nearest] = [dot(row, other), other];
    }
    let square = 0;
    for (let c = 0; c < columns; c++) square += (x[row * columns + c]! - x[nearest * columns + c]!) ** 2;
    loss -= (weight / batch) * Math.log(Math.sqrt(square) + 1e-8);
  }
  return loss;
}

for (const [crops, batch, columns, extra] of [[1, 2, 4, 0], [2, 7, 33, 5], [3, 33, 12, 1]] as const) {
  test(`koleo: ${crops} crops of ${batch} rows, ${columns} columns`, async () => {
    const gpu = await testGpu();
    const graph = new Graph();
    const rows = crops * batch + extra;
    const x = graph.input('x', [rows, columns]);
    const out = koleo(graph, x, { crops, batch, weight: 0.3 });
    graph.keep(out.gradient);
    graph.keep(out.metrics);
    const values = normals(rows * columns, 3);
    upload(gpu, x, values);
    const plan = await compileGraph(gpu, graph);
    plan.run();
    const wide = Float64Array.from(values);
    const metrics = await download(gpu, out.metrics);
    expect(metrics[METRIC.koleo]).toBeCloseTo(reference(wide, crops, batch, columns, 0.3), 4);
    const gradient = await download(gpu, out.gradient);
    expect([...gradient.subarray(crops * batch * columns)].every((g) => g === 0)).toBe(true);
    for (let d = 0; d < 3; d++) {
      const direction = normals(values.length, 40 + d);
      const at = (step: number): number => reference(wide.map((v, i) => v + step * direction[i]!), crops, batch, columns, 0.3);
      const want = (at(1e-6) - at(-1e-6)) / 2e-6;
      const got = gradient.reduce((sum, g, i) => sum + g * direction[i]!, 0);
      expect(Math.abs(got - want)).toBeLessThan(2e-4 * Math.max(1, Math.abs(want)));
    }
    plan.destroy();
  });
}
