/**
 * Both losses of iBOT in one op: last layer, temperature, centre, softmax and cross-entropy of the [CLS] tokens across
 * views and of the masked patches (iBOTLoss in main_ibot.py of the original; paper, equations 1–3). It is walked in
 * chunks so that logits [rows, out_dim] never exist as a whole: a chunk gives its losses and its gradients at once.
 *
 * [CLS]: for each student crop v and teacher crop q ≠ v: H(softmax((t_q − c) / τt), softmax(s_v / τs)); mean over the
 * batch and over the pairs, × lambda1. A chunk is a range of samples with all their crops.
 * Patches: for each masked patch of a global crop the same with the teacher's output for that patch, × 1 / max(1, masked
 * patches of the sample); sum over patches, mean over batch and global crops, × lambda2. A chunk is a range of rows.
 */
import type { Graph, OpDefinition, Tensor } from '../graph';
import { METRICS_LENGTH, metricsKernel } from './distillation-kernels';
import { LossLowering, type DistillationAttributes, type Side } from './distillation-lowering';

export { METRIC, METRICS_LENGTH } from './distillation-kernels';

/** The values that change from step to step without a new plan. */
export interface LossScalars {
  studentTemp: number;
  teacherTemp: number;
  teacherPatchTemp: number;
  lambda1: number;
  lambda2: number;
  /** 1 / micro-batches: gradients, metrics and centre sums of a step add up to means. Default 1. */
  gradientScale?: number;
  centreMomentum: number;
  centreMomentum2: number;
}

export const LOSS_SCALARS_LENGTH = 8;

/** For the scalars tensor [LOSS_SCALARS_LENGTH], in the places of `SCALAR`. */
export function encodeLossScalars(scalars: LossScalars): Float32Array {
  const { studentTemp, teacherTemp, teacherPatchTemp, lambda1, lambda2, gradientScale = 1 } = scalars;
  const { centreMomentum, centreMomentum2 } = scalars;
  return new Float32Array([
    studentTemp,
    teacherTemp,
    teacherPatchTemp,
    lambda1,
    lambda2,
    gradientScale,
    centreMomentum,
    centreMomentum2,
  ]);
}

export const distillationLossOp: OpDefinition<DistillationAttributes> = {
  name: 'distillation-loss',
  outputs: ([z, w, w2], { batch, globalCrops, localCrops }) => [
    { shape: z!.shape },
    { shape: w!.shape },
    { shape: [METRICS_LENGTH] },
    { shape: [globalCrops * batch], dtype: 'u32' },
    { shape: [(globalCrops + localCrops) * batch], dtype: 'u32' },
    ...(w2 ? [{ shape: w2.shape }] : []),
  ],
  lower: ({ inputs, outputs, attributes }, lowering) => {
    const [z, w, w2, tz, tw, tw2, centre, centre2, scalars, weights, count] = inputs;
    const [dz, dw, metrics, teacherPredicted, studentPredicted, dw2] = outputs;
    const { batch, globalCrops, capacity } = attributes;
    const loss = new LossLowering(lowering, attributes, scalars!, z!);
    const shared = { student: z!, teacher: tz!, studentGradient: dz! };
    const cls: Side = {
      ...shared,
      kind: 'cls',
      weight: w!,
      teacherWeight: tw!,
      centre: centre!,
      outDim: w!.rows,
      weightGradient: dw!,
      begun: false,
      means: lowering.scratch([w!.rows]),
    };
    loss.cls(cls, { teacher: teacherPredicted!, student: studentPredicted! });
    const patchOutDim = (w2 ?? w!).rows;
    const patchMeans = lowering.scratch([patchOutDim]);
    if (capacity > 0) {
      const patch: Side = {
        ...shared,
        kind: 'patch',
        weight: w2 ?? w!,
        teacherWeight: tw2 ?? tw!,
        centre: centre2!,
        outDim: patchOutDim,
        weightGradient: dw2 ?? dw!,
        begun: dw2 === undefined,
        means: patchMeans,
      };
      loss.patches(patch, weights!, count!);
    } else if (dw2) {
      loss.zeroRows(dw2, 0, dw2.rows, dw2.columns);
    }
    loss.dispatches.push({
      kernel: metricsKernel(loss.software ? 8 : 64, capacity > 0),
      tensors: [
        loss.results,
        cls.means,
        teacherPredicted!,
        studentPredicted!,
        scalars!,
        metrics!,
        ...(capacity > 0 ? [patchMeans, count!] : []),
      ],
      params: {
        batch,
        studentRows: loss.studentRows,
        teacherRows: loss.teacherRows,
        capacity,
        outDim: cls.outDim,
        patchOutDim,
        clsShare: loss.share('cls'),
        patchShare: loss.share('patch'),
        crop1: globalCrops > 1 ? batch : 0,
      },
      workgroups: [1, 1, 1],
    });
    return loss.dispatches;
  },
};

export interface DistillationLossOptions {
  /** Student bottleneck rows after normalisation, [(global + local crops) · batch + capacity, bottleneck]: [CLS] rows
   * crop-major (row = crop · batch + sample, global crops first), then the masked patches. */
  student: Tensor;
  /** Last layer's weight after weight normalisation, [out_dim, bottleneck]. */
  weight: Tensor;
  /** The patches' own last layer, [patch_out_dim, bottleneck]; undefined where one serves both. */
  weight2?: Tensor;
  /** Teacher bottleneck rows, [global crops · batch + capacity, bottleneck]: [CLS], then the same patches. */
  teacher: Tensor;
  teacherWeight: Tensor;
  teacherWeight2?: Tensor;
  /** [out_dim] and [patch_out_dim], as they were before the step. */
  centre: Tensor;
  centre2: Tensor;
  /** f32 [LOSS_SCALARS_LENGTH], see `encodeLossScalars`. */
  scalars: Tensor;
  /** f32 [capacity]: 1 / max(1, masked patches in that sample's crop). With `count`, needed if capacity > 0. */
  maskedWeights?: Tensor;
  /** u32 [1]: masked rows there are in this step; may be 0. */
  maskedCount?: Tensor;
  batch: number;
  globalCrops: number;
  localCrops: number;
  /** Most bytes of logits (student's and teacher's together) that exist at a time. Default 64 MiB. */
  chunkBytes?: number;
  /** Which forms of the row kernels: by default those for the device at hand. */
  forms?: 'software' | 'gpu';
}

export interface DistillationLoss {
  /** Gradients to seed the walk with: of `student` (0 past the count), `weight`, `weight2`. */
  studentGradient: Tensor;
  weightGradient: Tensor;
  weight2Gradient: Tensor | undefined;
  /** Pairs for `addGradients`. */
  seeds: [Tensor, Tensor][];
  /** f32 [METRICS_LENGTH], see METRIC; all but the count times gradientScale, so that micro-batches add up. */
  metrics: Tensor;
  /** u32 [global crops · batch]: arg max of the teacher's raw [CLS] logits. */
  teacherPredicted: Tensor;
  /** u32 [crops · batch]. */
  studentPredicted: Tensor;
}

/** @throws Error where shapes do not fit each other */
export function distillationLoss(graph: Graph, options: DistillationLossOptions): DistillationLoss {
  const { student, weight, weight2, teacher, teacherWeight, teacherWeight2, centre, centre2, scalars } = options;
  const { maskedWeights, maskedCount, batch, globalCrops, localCrops, chunkBytes = 64 * 2 ** 20, forms } = options;
  const capacity = maskedWeights?.size ?? 0;
  const outDim = weight.rows;
  const patchOutDim = (weight2 ?? weight).rows;
  const need = (ok: boolean, what: string): void => {
    if (!ok) throw new Error(`distillationLoss: ${what}`);
  };
  need(student.rows === (globalCrops + localCrops) * batch + capacity, `student has ${student.rows} rows`);
  need(teacher.rows === globalCrops * batch + capacity, `teacher has ${teacher.rows} rows`);
  need(teacher.columns === student.columns && weight.columns === student.columns, 'bottleneck sizes differ');
  need(teacherWeight.rows === outDim && centre.size === outDim, `out_dim ${outDim} differs in teacher or centre`);
  need((teacherWeight2 ?? teacherWeight).rows === patchOutDim, `patch_out_dim ${patchOutDim} differs in the teacher`);
  need(centre2.size === patchOutDim, `patch_out_dim ${patchOutDim} differs in the centre`);
  need(scalars.size >= LOSS_SCALARS_LENGTH, 'scalars are too short');
  need(capacity === 0 || maskedCount !== undefined, 'maskedCount is missing');
  const outputs = graph.add(
    distillationLossOp,
    [student, weight, weight2, teacher, teacherWeight, teacherWeight2, centre, centre2, scalars, maskedWeights, maskedCount],
    { batch, globalCrops, localCrops, capacity, chunkBytes, forms },
  );
  const [studentGradient, weightGradient, metrics, teacherPredicted, studentPredicted, weight2Gradient] = outputs;
  const seeds: [Tensor, Tensor][] = [
    [student, studentGradient!],
    [weight, weightGradient!],
  ];
  if (weight2) seeds.push([weight2, weight2Gradient!]);
  return {
    studentGradient: studentGradient!,
    weightGradient: weightGradient!,
    weight2Gradient,
    seeds,
    metrics: metrics!,
    teacherPredicted: teacherPredicted!,
    studentPredicted: studentPredicted!,
  };
}
