import { test } from 'vitest';
import { addOp } from '../../../src/engine/graph';
import { checkOp } from '../../support/gradient-check';

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
