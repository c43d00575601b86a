import { expect, test } from 'vitest';
import { addGradients, compileGraph, download, Graph, upload } from '../../../src/engine/graph';
import { gatherRows, gatherRowsOp, NO_ROW } from '../../../src/engine/ops/gather-rows';
import { checkOp, normals } from '../../support/gradient-check';
import { testGpu } from '../../support/gpu';

const INDEX = Uint32Array.of(6, 2, NO_ROW, 0, 32, 5, 17);

for (const width of [12, 7, 1, 200]) {
  for (const count of [undefined, 0, 4, 7]) {
    test(`rows of ${width} values, ${count ?? 'all'} counted`, async () => {
      await checkOp({
        op: gatherRowsOp,
        attributes: {},
        inputs: [
          { name: 'x', shape: [33, width] },
          { name: 'index', shape: [INDEX.length], values: INDEX },
          count === undefined ? undefined : { name: 'count', shape: [1], values: Uint32Array.of(count) },
        ],
        reference: ([x]) => {
          const y = new Float64Array(INDEX.length * width);
          INDEX.forEach((from, row) => {
            if (from === NO_ROW || row >= (count ?? Infinity)) return;
            for (let c = 0; c < width; c++) y[row * width + c] = x![from * width + c]!;
          });
          return [y];
        },
        absolute: 0,
        relative: 0,
      });
    });
  }
}

test('gradients of several gathers of one tensor add up, and leave shared gradients alone', async () => {
  const gpu = await testGpu();
  const graph = new Graph();
  const x = graph.input('x', [5, 4]);
  x.requiresGradient = true;
  const indices = [[1, 3], [3, 4], [0, 3]].map((rows, i) => {
    const index = graph.input(`index${i}`, [2], 'u32');
    upload(gpu, index, Uint32Array.from(rows));
    return index;
  });
  const seed = graph.input('seed', [2, 4]);
  const values = normals(8, 1);
  upload(gpu, seed, values);
  const gradients = addGradients(graph, indices.map((index) => [gatherRows(graph, x, index), seed] as const));
  const gradient = graph.keep(gradients.get(x)!);
  const plan = await compileGraph(gpu, graph);
  plan.run();
  const [a, b] = [values.slice(0, 4), values.slice(4)];
  const want = [a, a, new Float32Array(4), b.map((v, i) => v + a[i]! + v), b].flatMap((row) => [...row]);
  const got = await download(gpu, gradient);
  got.forEach((value, i) => expect(value).toBeCloseTo(want[i]!, 5));
  expect(await download(gpu, seed)).toEqual(values);
  plan.destroy();
});
