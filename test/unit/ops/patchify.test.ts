import { expect, test } from 'vitest';
import { compileGraph, download, Graph, upload } from '../../../src/engine/graph';
import { patchify } from '../../../src/engine/ops/patchify';
import { normals } from '../../support/gradient-check';
import { testGpu } from '../../support/gpu';

test.each([
  { patch: 8, sizes: [[2, 24, 16], [3, 8, 8]] },
  { patch: 7, sizes: [[1, 7, 21]] },
  { patch: 2, sizes: [[3, 2, 6], [1, 10, 4]] },
])('patch rows of $patch × $patch follow the convolution weight (channel, y, x)', async ({ patch, sizes }) => {
  const gpu = await testGpu();
  const graph = new Graph();
  const images = sizes.map(([n, h, w], i) => graph.input(`images${i}`, [n!, 3, h!, w!]));
  const rows = graph.keep(patchify(graph, images, patch));
  const values = images.map((t, i) => normals(t.size, i));
  images.forEach((t, i) => upload(gpu, t, values[i]!));
  const plan = await compileGraph(gpu, graph);
  plan.run();
  const want: number[] = [];
  sizes.forEach(([n, h, w], i) => {
    for (let picture = 0; picture < n!; picture++)
      for (let top = 0; top < h!; top += patch)
        for (let left = 0; left < w!; left += patch)
          for (let c = 0; c < 3; c++)
            for (let y = 0; y < patch; y++)
              for (let x = 0; x < patch; x++)
                want.push(values[i]![((picture * 3 + c) * h! + top + y) * w! + left + x]!);
  });
  expect(rows.shape).toEqual([want.length / (3 * patch * patch), 3 * patch * patch]);
  expect([...(await download(gpu, rows))]).toEqual(want);
  plan.destroy();
});

test('pictures that do not divide into patches are refused', () => {
  const graph = new Graph();
  expect(() => patchify(graph, graph.input('images', [1, 3, 12, 16]), 8)).toThrow(/do not divide/);
});
