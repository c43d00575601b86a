/**
 * The centre by which a batch's teacher outputs are spread evenly over all outputs (Sinkhorn–Knopp, Cuturi 2013; as
 * SwAV, Caron et al. 2020, and DINOv2 use it in place of the moving centre; not in iBOT, off by default).
 *
 * Sinkhorn–Knopp scales exp(l / τ) by one factor per row and one per column in turn. The row's factor drops out of the
 * softmax that the loss takes, and the column's, g = log of it, is a centre: softmax(l / τ + g) = softmax((l − c) / τ)
 * with c = −τ·g. So the loss needs to know nothing of this but the centre it is given.
 */
import { spread, SPREAD_INDEX, type Dispatch, type Graph, type Kernel, type OpDefinition, type Tensor } from '../graph';
import { SCALAR } from './distillation-kernels';

/** As SwAV and DINOv2. */
const ITERATIONS = 3;

/** log Σ exp of what `value` is for i = 0 … p.`count` − 1, in one pass. */
const logSumExp = (count: string, value: string): string => `
  var top = -3.0e38;
  var sum = 0.0;
  for (var i = 0u; i < p.${count}; i++) {
    let value = ${value};
    if (value > top) { sum = sum * exp(top - value) + 1.0; top = value; } else { sum += exp(value - top); }
  }
  let total = top + log(sum);`;

/** One thread per column: g = −log Σ over rows of exp(l / τ + f); the last time −τ·g is written, the centre. */
const columnKernel: Kernel = {
  key: 'sinkhorn-centre/columns',
  bindings: ['logits: f32', 'ofRow: f32', 'ofColumn: f32', 'scalars: f32'],
  params: ['rows', 'columns', 'first', 'last'],
  workgroup: [64, 1, 1],
  main: `
  let column = ${SPREAD_INDEX} * 64u + lane;
  if (column >= p.columns) { return; }
  let temperature = scalars[${SCALAR.teacherTemp}];
  ${logSumExp('rows', 'logits[i * p.columns + column] / temperature + select(ofRow[i], 0.0, p.first == 1u)')}
  ofColumn[column] = select(-total, total * temperature, p.last == 1u);`,
};

/** One thread per row: f = −log Σ over columns of exp(l / τ + g). */
const rowKernel: Kernel = {
  key: 'sinkhorn-centre/rows',
  bindings: ['logits: f32', 'ofRow: f32', 'ofColumn: f32', 'scalars: f32'],
  params: ['rows', 'columns'],
  workgroup: [16, 1, 1],
  main: `
  let row = ${SPREAD_INDEX} * 16u + lane;
  if (row >= p.rows) { return; }
  let temperature = scalars[${SCALAR.teacherTemp}];
  ${logSumExp('columns', 'logits[row * p.columns + i] / temperature + ofColumn[i]')}
  ofRow[row] = -total;`,
};

const sinkhornCentreOp: OpDefinition<object> = {
  name: 'sinkhorn-centre',
  outputs: ([logits]) => [{ shape: [logits!.columns] }],
  lower: ({ inputs: [logits, scalars], outputs: [centre] }, lowering): Dispatch[] => {
    const { rows, columns } = logits!;
    const tensors = [logits!, lowering.scratch([rows]), centre!, scalars!];
    const dispatches: Dispatch[] = [];
    for (let i = 0; i < ITERATIONS; i++) {
      const params = { rows, columns, first: i === 0 ? 1 : 0, last: i === ITERATIONS - 1 ? 1 : 0 };
      dispatches.push({ kernel: columnKernel, tensors, params, workgroups: spread(Math.ceil(columns / 64)) });
      if (params.last === 0) {
        dispatches.push({ kernel: rowKernel, tensors, params: { rows, columns }, workgroups: spread(Math.ceil(rows / 16)) });
      }
    }
    return dispatches;
  },
};

/**
 * @param logits [rows, out_dim]: the teacher's outputs for a batch, not yet divided by the temperature
 * @param scalars see `encodeLossScalars`: the teacher's temperature is read from them
 * @returns the centre [out_dim] for these rows; no gradient flows through it
 */
export function sinkhornCentre(graph: Graph, logits: Tensor, scalars: Tensor): Tensor {
  return graph.one(sinkhornCentreOp, [logits, scalars], {});
}
