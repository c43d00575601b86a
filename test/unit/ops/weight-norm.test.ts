import { expect, test } from 'vitest';
import { Graph } from '../../../src/engine/graph';
import { weightNorm, weightNormOp } from '../../../src/engine/ops/weight-norm';
import { checkOp, type CheckInput } from '../../support/gradient-check';

const reference = ([v, g]: (Float64Array | Uint32Array)[]): Float64Array[] => {
  const columns = v!.length / g!.length;
  const w = new Float64Array(v!.length);
  g!.forEach((factor: number, row: number) => {
    const n = Math.hypot(...v!.subarray(row * columns, (row + 1) * columns));
    for (let c = 0; c < columns; c++) w[row * columns + c] = (factor * v![row * columns + c]!) / n;
  });
  return [w];
};

const roles: [CheckInput['role'], CheckInput['role']][] = [
  ['parameter', 'constant'],
  ['parameter', 'parameter'],
  ['gradient', 'gradient'],
];
for (const variant of ['row-per-thread', '16-lanes']) {
  for (const [rows, columns] of [[1, 4], [23, 48], [19, 33]] as const) {
    for (const [v, g] of roles) {
      test(`weight-norm ${rows}×${columns}, v ${v}, g ${g}, ${variant}`, async () => {
        const families = ['weight-norm', ...['add-none', 'add-add', 'set-set'].map((targets) => `weight-norm-backward-${targets}`)];
        const shapeClass = `${2 ** Math.ceil(Math.log2(rows))},${columns}`;
        await checkOp({
          op: weightNormOp,
          attributes: {},
          inputs: [
            { name: 'v', shape: [rows, columns], role: v },
            { name: 'g', shape: [rows, 1], role: g },
          ],
          reference,
          table: new Map(families.map((f) => [`${f}/${shapeClass}`, variant])),
        });
      });
    }
  }
}

test('g must have one factor per row', () => {
  const graph = new Graph();
  expect(() => weightNorm(graph, graph.input('v', [3, 2]), graph.input('g', [2, 1]))).toThrow(/3 factors/);
});
