/** What the cases `gradients` and `train-steps` have in common: a student, a teacher and given crops. */
import { z } from 'zod';
import type { Gpu } from '../gpu';
import { Network, Trainer, type ImageBatch, type NetworkConfig, type TrainerOptions } from '../ibot';
import type { Tensors } from './case';
import { headConfig, headSchema } from './head';
import { backboneSchema, vitConfig } from './vit-forward';

export const trainingSchema = z.looseObject({
  warmup_teacher_temp: z.number(),
  teacher_temp: z.number(),
  warmup_teacher_patch_temp: z.number(),
  teacher_patch_temp: z.number(),
  warmup_teacher_temp_epochs: z.number(),
  epochs: z.number(),
  lambda1: z.number(),
  lambda2: z.number(),
  global_crops_number: z.number().int(),
  local_crops_number: z.number().int(),
  batch: z.number().int(),
  shared_head: z.boolean(),
  shared_head_teacher: z.boolean(),
  norm_last_layer: z.boolean(),
  head: headSchema,
  backbone: backboneSchema,
  global_size: z.number().int(),
  local_size: z.number().int(),
  arch: z.string(),
  student_temp: z.number().default(0.1),
  center_momentum: z.number().default(0.9),
  center_momentum2: z.number().default(0.9),
  clip_grad: z.number().default(0),
});
export type TrainingCase = z.infer<typeof trainingSchema>;

export function networkConfig(c: TrainingCase): NetworkConfig {
  return {
    backbone: vitConfig(c.backbone, { maskedImageModeling: true }),
    head: headConfig(c.backbone.embed_dim, c.head, { shared: c.shared_head, normLastLayer: c.norm_last_layer }),
    sharedHeadTeacher: c.shared_head_teacher,
  };
}

/** Options of a trainer for given crops, `accumulate` micro-batches of batch / accumulate pictures. */
export function trainerOptions(c: TrainingCase, accumulate = 1): TrainerOptions {
  const grid = c.global_size / c.backbone.patch_size;
  const batch = c.batch / accumulate;
  return {
    shape: {
      batch,
      globalCrops: c.global_crops_number,
      localCrops: c.local_crops_number,
      globalSize: c.global_size,
      localSize: c.local_size,
      capacity: c.global_crops_number * batch * grid * grid,
      dropPath: 0,
      masking: true,
      koleo: 0,
      sinkhorn: false,
      pixelCapacity: 0,
    },
    accumulate,
    seed: 0,
    masks: {
      rows: grid,
      columns: grid,
      pred_ratio: [0],
      pred_ratio_var: [0],
      pred_shape: 'block',
      pred_aspect_ratio: [0.3, 1 / 0.3],
      pred_start_epoch: 0,
    },
    studentTemperature: c.student_temp,
    centreMomentum: c.center_momentum,
    patchCentreMomentum: c.center_momentum2,
    lambda1: c.lambda1,
    lambda2: c.lambda2,
    clipGradient: c.clip_grad,
  };
}

/** Crops and masks of one step as `accumulate` micro-batches. `prefix` is '' or 'step.N.'. */
export function imageBatches(c: TrainingCase, inputs: Tensors, prefix: string, accumulate = 1): ImageBatch[] {
  const part = c.batch / accumulate;
  return Array.from({ length: accumulate }, (_, a): ImageBatch => {
    const crops = (first: number, count: number): Float32Array => {
      const parts = Array.from({ length: count }, (_unused, i) => {
        const all = inputs.get(`${prefix}crop.${first + i}`);
        const one = all.length / c.batch;
        return all.subarray(a * part * one, (a + 1) * part * one);
      });
      const joined = new Float32Array(parts.reduce((sum, x) => sum + x.length, 0));
      parts.reduce((at, x) => (joined.set(x, at), at + x.length), 0);
      return joined;
    };
    const masks: Uint8Array[] = [];
    for (let g = 0; g < c.global_crops_number; g++) {
      const all = inputs.get(`${prefix}mask.${g}`);
      const one = all.length / c.batch;
      for (let b = a * part; b < (a + 1) * part; b++) masks.push(Uint8Array.from(all.subarray(b * one, (b + 1) * one)));
    }
    return {
      globalImages: crops(0, c.global_crops_number),
      localImages: c.local_crops_number > 0 ? crops(c.global_crops_number, c.local_crops_number) : undefined,
      masks,
    };
  });
}

/**
 * The teacher's values at the start, flat: as stored, or, where a set goes without that file, as training itself begins,
 * from the student's.
 */
function startingTeacher(network: Network, student: Float32Array, teacher: Tensors | undefined): Float32Array {
  return teacher ? network.teacher.flatten((name) => teacher.find(name)) : network.teacherFromStudent(student);
}

/** A trainer loaded with a case's weights, and these weights, flat. */
export async function caseTrainer(
  gpu: Gpu,
  c: TrainingCase,
  weights: { student: Tensors; teacher: Tensors | undefined },
  accumulate = 1,
): Promise<{ trainer: Trainer; student: Float32Array; teacher: Float32Array }> {
  const network = new Network(networkConfig(c));
  const student = network.student.flatten((name) => weights.student.find(name));
  const teacher = startingTeacher(network, student, weights.teacher);
  const trainer = await Trainer.create(gpu, network, trainerOptions(c, accumulate), new Map(), false);
  trainer.load(student, teacher);
  return { trainer, student, teacher };
}
