import { describe, expect, test } from 'vitest';
import { readFile } from 'node:fs/promises';
import { compileGraph, download, Graph, upload } from '../../../src/engine/graph';
import { interpolatePositions, interpolatePositionsOp, positionMatrix } from '../../../src/engine/ops/position-embedding';
import { readSafetensors, toFloat32 } from '../../../src/engine/formats/safetensors';
import { checkOp } from '../../support/gradient-check';
import { testGpu } from '../../support/gpu';

const multiply = (matrix: Float32Array | Float64Array, x: Float32Array | Float64Array, width: number): Float64Array => {
  const inner = x.length / width;
  const y = new Float64Array((matrix.length / inner) * width);
  for (let i = 0; i < matrix.length / inner; i++)
    for (let k = 0; k < inner; k++)
      for (let c = 0; c < width; c++) y[i * width + c] = y[i * width + c]! + matrix[i * inner + k]! * x[k * width + c]!;
  return y;
};

describe('reference case vit-forward', async () => {
  const folder = new URL('../../reference/vit-forward/', import.meta.url).pathname;
  const { config, tolerance } = JSON.parse(await readFile(`${folder}case.json`, 'utf8')) as {
    config: { patch_size: number; sizes_height_width: [number, number][] };
    tolerance: { pos_embed: { atol: number; rtol: number } };
  };
  const posEmbed = (await readSafetensors(`${folder}weights.safetensors`)).tensors.get('pos_embed')!;
  const expected = (await readSafetensors(`${folder}expected.safetensors`)).tensors;
  for (const [height, width] of config.sizes_height_width) {
    test(`pos_embed ${height}×${width}`, async () => {
      const gpu = await testGpu();
      const graph = new Graph();
      const x = graph.input('pos_embed', posEmbed.shape);
      const rows = height / config.patch_size;
      const columns = width / config.patch_size;
      const y = interpolatePositions(graph, x, rows, columns);
      if (y !== x) graph.keep(y);
      const values = toFloat32(posEmbed);
      upload(gpu, x, values);
      const plan = await compileGraph(gpu, graph);
      plan.run();
      const want = toFloat32(expected.get(`pos_embed.${height}x${width}`)!);
      const matrix = positionMatrix(Math.sqrt(x.rows - 1), rows, columns);
      for (const got of [await download(gpu, y), multiply(matrix, values, x.columns)]) {
        expect(got.length).toBe(want.length);
        const { atol, rtol } = tolerance.pos_embed;
        want.forEach((w, i) => expect(Math.abs(got[i]! - w)).toBeLessThanOrEqual(atol + rtol * Math.abs(w)));
      }
      plan.destroy();
    });
  }
});

for (const [native, rows, columns] of [[4, 6, 6], [4, 2, 8], [7, 3, 5], [1, 3, 2], [2, 1, 1], [14, 37, 6], [5, 33, 1]] as const) {
  for (const role of ['gradient', 'parameter'] as const) {
    test(`${native}×${native} to ${rows}×${columns} equals the matrix, and so does its gradient (${role})`, async () => {
      const matrix = positionMatrix(native, rows, columns);
      await checkOp({
        op: interpolatePositionsOp,
        attributes: { native, rows, columns },
        inputs: [{ name: 'posEmbed', shape: [1, 1 + native ** 2, 3], role }],
        reference: ([x]) => [multiply(matrix, x as Float64Array, 3)],
        absolute: 5e-6,
        gradientTolerance: 1e-4,
      });
    });
  }
}

test('the native square keeps the tensor itself; rows of the matrix sum to 1', () => {
  const graph = new Graph();
  const x = graph.input('pos_embed', [1, 17, 8]);
  expect(interpolatePositions(graph, x, 4, 4)).toBe(x);
  expect(interpolatePositions(graph, x, 2, 8)).not.toBe(x);
  const matrix = positionMatrix(4, 3, 7);
  for (let i = 0; i < 22; i++) expect(matrix.slice(i * 17, i * 17 + 17).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
});
