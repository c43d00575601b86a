/**
 * Centres of the teacher's outputs (`update_center` of iBOTLoss in the original): c ← c·m + mean·(1 − m), for [CLS] the
 * mean over all teacher rows, for patches over all patches, masked or not. The last layer is linear without bias, so the
 * mean of its outputs is its output of the mean input: `columnMean` of the normalised bottleneck rows goes in here.
 */
import { spread, SPREAD_INDEX, type Graph, type Kernel, type OpDefinition, type Tensor } from '../graph';
import { SCALAR } from './distillation-kernels';
import { STATE } from './optimiser-kernels';

/** sum[k] += gradientScale · mean·W[k]; one thread per output. */
const sumKernel = (vec4: boolean): Kernel => ({
  key: `centre-sum/${vec4 ? 'vec4' : 'scalar'}`,
  bindings: [`mean: ${vec4 ? 'vec4f' : 'f32'}`, `weight: ${vec4 ? 'vec4f' : 'f32'}`, 'sum: f32', 'scalars: f32'],
  params: ['rows', 'columns'],
  workgroup: [64, 1, 1],
  main: `
  let row = ${SPREAD_INDEX} * 64u + lane;
  if (row >= p.rows) { return; }
  var total = ${vec4 ? 'vec4f' : 'f32'}();
  for (var c = 0u; c < p.columns; c++) { total += mean[c] * weight[row * p.columns + c]; }
  sum[row] += scalars[${SCALAR.gradientScale}] * ${vec4 ? '((total.x + total.y) + (total.z + total.w))' : 'total'};`,
});

const sumOp: OpDefinition<object> = {
  name: 'centre-sum',
  outputs: () => [],
  lower: ({ inputs: [mean, weight, sum, scalars] }) => {
    const vec4 = mean!.columns % 4 === 0;
    return [
      {
        kernel: sumKernel(vec4),
        tensors: [mean!, weight!, sum!, scalars!],
        params: { rows: weight!.rows, columns: vec4 ? mean!.columns / 4 : mean!.columns },
        workgroups: spread(Math.ceil(weight!.rows / 64)),
      },
    ];
  },
};

/**
 * Adds this micro-batch's share (gradientScale of `scalars`) of the teacher's mean output to `sum` [out_dim].
 * @param mean [1, bottleneck]: mean of the teacher's normalised bottleneck rows
 * @param weight [out_dim, bottleneck]: the teacher's last layer
 */
export function centreSum(graph: Graph, options: { mean: Tensor; weight: Tensor; sum: Tensor; scalars: Tensor }): void {
  const { mean, weight, sum, scalars } = options;
  if (mean.size !== weight.columns || sum.size !== weight.rows) {
    throw new Error(`centreSum: mean ${mean.shape}, weight ${weight.shape} and sum ${sum.shape} do not fit`);
  }
  graph.add(sumOp, [mean, weight, sum, scalars], {});
}

const updateKernel: Kernel = {
  key: 'centre-update',
  bindings: ['centre: f32', 'sum: f32', 'scalars: f32', 'state: u32'],
  params: ['size', 'momentum'],
  workgroup: [64, 1, 1],
  main: `
  let i = ${SPREAD_INDEX} * 64u + lane;
  if (i >= p.size) { return; }
  let m = scalars[p.momentum];
  if (state[${STATE.halt}] == 0u) { centre[i] = centre[i] * m + sum[i] * (1.0 - m); }
  sum[i] = 0.0;`,
};

const updateOp: OpDefinition<{ momentum: number }> = {
  name: 'centre-update',
  outputs: () => [],
  lower: ({ inputs: [centre, sum, scalars, state], attributes: { momentum } }) => [
    {
      kernel: updateKernel,
      tensors: [centre!, sum!, scalars!, state!],
      params: { size: centre!.size, momentum },
      workgroups: spread(Math.ceil(centre!.size / 64)),
    },
  ],
};

/**
 * centre ← centre·m + sum·(1 − m), unless the step was halted; then the sum is cleared for the next step either way.
 * Belongs after the optimiser, whose verdict in `state` it reads.
 * @param which 'cls' or 'patch': whose momentum of `scalars` holds
 */
export function centreUpdate(
  graph: Graph,
  options: { centre: Tensor; sum: Tensor; scalars: Tensor; state: Tensor; which: 'cls' | 'patch' },
): void {
  const { centre, sum, scalars, state, which } = options;
  if (centre.size !== sum.size) throw new Error(`centreUpdate: centre ${centre.shape} and sum ${sum.shape} differ`);
  const momentum = which === 'cls' ? SCALAR.centreMomentum : SCALAR.centreMomentum2;
  graph.add(updateOp, [centre, sum, scalars, state], { momentum });
}
