import { test } from 'vitest';
import { columnMeanOp } from '../../../src/engine/ops/column-mean';
import { checkOp } from '../../support/gradient-check';

for (const [all, rows, columns] of [[1, 1, 1], [130, 130, 48], [64, 64, 3], [200, 129, 33], [7, 5, 256]] as const) {
  test(`column-mean of ${rows} of ${all} rows × ${columns}`, async () => {
    await checkOp({
      op: columnMeanOp,
      attributes: { rows },
      inputs: [{ name: 'x', shape: [all, columns] }],
      reference: ([x]) => {
        const y = new Float64Array(columns);
        for (let i = 0; i < rows * columns; i++) y[i % columns] = y[i % columns]! + x![i]! / rows;
        return [y];
      },
      absolute: 1e-6,
    });
  });
}
