import { z } from 'zod';
import type { Gpu } from '../gpu';
import { compileGraph, download, Graph, upload, type Tensor } from '../graph';
import { teacherTemperatureSchedule } from '../ibot';
import { centreSum, centreUpdate, columnMean, distillationLoss, encodeLossScalars, METRIC, STATE_LENGTH } from '../ops';
import { within, type CaseRunner, type Check } from './check';

const variantSchema = z.looseObject({
  warmup_teacher_temp: z.number(),
  teacher_temp: z.number(),
  warmup_teacher_patch_temp: z.number(),
  teacher_patch_temp: z.number(),
  warmup_teacher_temp_epochs: z.number(),
  epochs: z.number(),
  epoch: z.number().int(),
  pred_start_epoch: z.number().default(0),
  lambda1: z.number(),
  lambda2: z.number(),
  student_temp: z.number(),
  center_momentum: z.number(),
  center_momentum2: z.number(),
  global_crops_number: z.number().int().positive(),
  local_crops_number: z.number().int().nonnegative(),
});
type Variant = z.infer<typeof variantSchema>;
const configSchema = z.looseObject({
  batch: z.number().int().positive(),
  grid: z.number().int().positive(),
  out_dim: z.number().int().positive(),
  patch_out_dim: z.number().int().positive(),
  variants: z.record(z.string(), variantSchema),
});
type Config = z.infer<typeof configSchema>;

/** Rows kept free behind the masked ones, as a training step has them. */
const SPARE_ROWS = 5;

/** The temperatures of the variant's epoch. */
function temperatures(v: Variant): { teacherTemp: number; teacherPatchTemp: number } {
  const run = { warmupEpochs: v.warmup_teacher_temp_epochs, epochs: v.epochs, stepsPerEpoch: 1 };
  const cls = teacherTemperatureSchedule({ ...run, warmup: v.warmup_teacher_temp, final: v.teacher_temp });
  const patch = { warmup: v.warmup_teacher_patch_temp, final: v.teacher_patch_temp, startEpoch: v.pred_start_epoch };
  return { teacherTemp: cls(v.epoch), teacherPatchTemp: teacherTemperatureSchedule({ ...run, ...patch })(v.epoch) };
}

/** Masked patches of the global crops as rows of [crop, sample, patch], with each row's weight within its sample. */
function maskedRows(c: Config, v: Variant, maskOf: (crop: number) => Float32Array): { rows: number[]; weights: number[] } {
  const patches = c.grid ** 2;
  const rows: number[] = [];
  const weights: number[] = [];
  for (let crop = 0; crop < v.global_crops_number; crop++) {
    const mask = maskOf(crop);
    for (let sample = 0; sample < c.batch; sample++) {
      const chosen = [...mask.subarray(sample * patches, (sample + 1) * patches)].flatMap((m, i) => (m ? [i] : []));
      for (const position of chosen) {
        rows.push((crop * c.batch + sample) * patches + position);
        weights.push(1 / chosen.length);
      }
    }
  }
  return { rows, weights };
}

/** [out, bottleneck] with ones on the diagonal: as last layer it makes the bottleneck rows the logits. */
const identity = (out: number, bottleneck: number): Float32Array =>
  Float32Array.from({ length: out * bottleneck }, (_, i) => (Math.floor(i / bottleneck) === i % bottleneck ? 1 : 0));

/** Rows of `from` values as rows of `to`, cut or filled with zeros. */
function resized(values: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return values;
  const rows = values.length / from;
  const all = new Float32Array(rows * to);
  for (let row = 0; row < rows; row++) all.set(values.subarray(row * from, row * from + Math.min(from, to)), row * to);
  return all;
}

const joined = (parts: readonly Float32Array[]): Float32Array => Float32Array.from(parts.flatMap((part) => [...part]));

interface Outcome {
  metrics: Float32Array;
  center: Float32Array;
  center2: Float32Array;
  /** Of each row of the student: [CLS] of all crops, then masked patches. */
  gradient: Float32Array;
}

interface Sizes {
  /** Columns of a bottleneck row: the larger of both outputs. */
  bottleneck: number;
  rows: number[];
  weights: number[];
  /** Most bytes of logits at a time; undefined for the default, which is all at once here. */
  chunkBytes: number | undefined;
}

async function lossOnDevice(gpu: Gpu, c: Config, v: Variant, of: (key: string) => Float32Array, sizes: Sizes): Promise<Outcome> {
  const { bottleneck, rows, weights, chunkBytes } = sizes;
  const { batch, out_dim: out, patch_out_dim: patchOut } = c;
  const { global_crops_number: globalCrops, local_crops_number: localCrops } = v;
  const graph = new Graph();
  const input = (label: string, shape: number[], data: Float32Array | Uint32Array): Tensor => {
    const tensor = graph.input(label, shape, data instanceof Uint32Array ? 'u32' : 'f32');
    upload(gpu, tensor, data);
    return tensor;
  };
  const capacity = rows.length + SPARE_ROWS;
  const cls = (key: string): Float32Array => resized(of(key), out, bottleneck);
  const chosen = (key: string): Float32Array => {
    const all = of(key);
    const picked = new Float32Array(capacity * patchOut);
    rows.forEach((row, i) => picked.set(all.subarray(row * patchOut, (row + 1) * patchOut), i * patchOut));
    return resized(picked, patchOut, bottleneck);
  };
  const student = joined([cls('student_cls'), ...(localCrops ? [cls('student_local_cls')] : []), chosen('student_patch')]);
  const teacher = joined([cls('teacher_cls'), chosen('teacher_patch')]);
  const weight = input('weight', [out, bottleneck], identity(out, bottleneck));
  const weight2 = out === patchOut ? undefined : input('weight2', [patchOut, bottleneck], identity(patchOut, bottleneck));
  const teacherRows = input('teacher', [teacher.length / bottleneck, bottleneck], teacher);
  const centre = input('centre', [out], of('center'));
  const centre2 = input('centre2', [patchOut], of('center2'));
  const scalars = encodeLossScalars({
    studentTemp: v.student_temp,
    ...temperatures(v),
    lambda1: v.lambda1,
    lambda2: v.lambda2,
    centreMomentum: v.center_momentum,
    centreMomentum2: v.center_momentum2,
  });
  const scalarsTensor = input('scalars', [scalars.length], scalars);
  const loss = distillationLoss(graph, {
    student: input('student', [student.length / bottleneck, bottleneck], student),
    weight,
    weight2,
    teacher: teacherRows,
    teacherWeight: weight,
    teacherWeight2: weight2,
    centre,
    centre2,
    scalars: scalarsTensor,
    maskedWeights: input('weights', [capacity], Float32Array.from({ length: capacity }, (_, i) => weights[i] ?? 0)),
    maskedCount: input('count', [1], new Uint32Array([rows.length])),
    batch,
    globalCrops,
    localCrops,
    chunkBytes,
  });
  const patches = resized(of('teacher_patch'), patchOut, bottleneck);
  const patchRows = input('patches', [patches.length / bottleneck, bottleneck], patches);
  const state = input('state', [STATE_LENGTH], new Uint32Array(STATE_LENGTH));
  for (const [which, c0, w, mean] of [
    ['cls', centre, weight, columnMean(graph, teacherRows, globalCrops * batch)],
    ['patch', centre2, weight2 ?? weight, columnMean(graph, patchRows)],
  ] as const) {
    const sum = input(`sum ${which}`, [c0.size], new Float32Array(c0.size));
    centreSum(graph, { mean, weight: w, sum, scalars: scalarsTensor });
    centreUpdate(graph, { centre: c0, sum, scalars: scalarsTensor, state, which });
  }
  graph.keep(loss.metrics);
  graph.keep(loss.studentGradient);
  const plan = await compileGraph(gpu, graph, new Map(), 'loss');
  plan.run();
  const outcome = {
    metrics: await download(gpu, loss.metrics),
    center: await download(gpu, centre),
    center2: await download(gpu, centre2),
    gradient: await download(gpu, loss.studentGradient),
  };
  plan.destroy();
  for (const allocation of plan.layout.allocations) allocation.destroy();
  return outcome;
}

export const loss: CaseRunner = {
  async run({ gpu, reference }) {
    const c = reference.parse(configSchema);
    const { out_dim: out, patch_out_dim: patchOut } = c;
    const inputs = await reference.tensors('inputs.safetensors');
    const expected = await reference.tensors('expected.safetensors');
    const bottleneck = Math.max(out, patchOut);
    const checks: Check[] = [];
    for (const [name, variant] of Object.entries(c.variants)) {
      const of = (key: string): Float32Array => inputs.get(`${name}.${key}`);
      const masked = maskedRows(c, variant, (crop) => of(`mask.${crop}`));
      // The second time in chunks of few rows, as with many outputs.
      for (const [label, chunkBytes] of [[name, undefined], [`${name} in chunks`, 4 * bottleneck * 20]] as const) {
        const got = await lossOnDevice(gpu, c, variant, of, { ...masked, bottleneck, chunkBytes });
        const add = (key: string, values: ArrayLike<number>, tolerance: string): void => {
          checks.push(within(`${label}.${key}`, values, expected.get(`${name}.${key}`), reference.tolerance(tolerance)));
        };
        for (const key of ['loss', 'cls', 'patch'] as const) add(key, [got.metrics[METRIC[key]]!], key);
        add('center', got.center, 'center');
        add('center2', got.center2, 'center2');
        const globalRows = variant.global_crops_number * c.batch;
        const clsRows = globalRows + variant.local_crops_number * c.batch;
        const rows = (from: number, to: number, columns: number): Float32Array =>
          resized(got.gradient.subarray(from * bottleneck, to * bottleneck), bottleneck, columns);
        add('grad.student_cls', rows(0, globalRows, out), 'grad');
        if (variant.local_crops_number > 0) add('grad.student_local_cls', rows(globalRows, clsRows, out), 'grad');
        // Patches that are not masked have no gradient.
        const patches = new Float32Array(globalRows * c.grid ** 2 * patchOut);
        const chosen = rows(clsRows, clsRows + masked.rows.length, patchOut);
        masked.rows.forEach((row, i) => patches.set(chosen.subarray(i * patchOut, (i + 1) * patchOut), row * patchOut));
        add('grad.student_patch', patches, 'grad');
      }
    }
    return checks;
  },
};
