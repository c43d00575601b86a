import { expect, test } from 'vitest';
import { activateOp } from '../../../src/engine/ops/activate';
import { checkOp, normals } from '../../support/gradient-check';
import { normalDistribution } from '../../support/normal-distribution';

const functions = {
  gelu: (x: number) => x * normalDistribution(x),
  relu: (x: number) => Math.max(0, x),
};

for (const activation of ['gelu', 'relu'] as const) {
  for (const shape of [[1, 1], [7, 33], [197, 5], [64, 48]]) {
    test(`${activation} of ${shape.join('×')}: value and gradient`, async () => {
      const [rows, columns] = shape as [number, number];
      const values = normals(rows * columns, 3, 2);
      // The step of the finite differences must not cross the kink.
      if (activation === 'relu') expect(values.some((x) => Math.abs(x) < 1e-4)).toBe(false);
      await checkOp({
        op: activateOp,
        attributes: { activation },
        inputs: [{ name: 'x', shape, values }],
        reference: ([x]) => [Float64Array.from(x!, functions[activation])],
      });
    });
  }
}
