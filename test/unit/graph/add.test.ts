import { expect, test } from 'vitest';
import { addOp, compileGraph, download, Graph, upload } from '../../../src/engine/graph';
import { checkOp } from '../../support/gradient-check';
import { testGpu } from '../../support/gpu';

for (const shape of [[1], [7, 33], [4, 197], [3, 5, 1]]) {
  test(`add ${shape.join('×')}`, async () => {
    await checkOp({
      op: addOp,
      attributes: {},
      inputs: [
        { name: 'a', shape },
        { name: 'b', shape },
      ],
      reference: ([a, b]) => [Float64Array.from(a!, (x, i) => x + b![i]!)],
    });
  });
}

test('a tensor added to itself', async () => {
  const gpu = await testGpu();
  const graph = new Graph();
  const a = graph.input('a', [3, 7]);
  const y = graph.keep(graph.one(addOp, [a, a], {}));
  upload(gpu, a, Float32Array.from({ length: 21 }, (_, i) => i));
  const plan = await compileGraph(gpu, graph);
  plan.run();
  expect([...(await download(gpu, y))]).toEqual(Array.from({ length: 21 }, (_, i) => 2 * i));
  plan.destroy();
});
