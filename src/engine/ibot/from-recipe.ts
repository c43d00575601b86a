/** From the options of a run to what the engine works with. */
import type { CropOptions } from '../data';
import { maskCapacity, type MaskOptions } from './masks';
import type { NetworkConfig } from './network';
import type { Recipe } from './recipe';
import type { TrainingSchedules } from './schedules';
import type { StepSettings } from './step-reports';
import type { TrainerOptions } from './trainer';

/** Sizes of student and teacher. Head: models/head.py; which last layers are shared: main_ibot.py. */
export function networkConfigOf(recipe: Recipe): NetworkConfig {
  return {
    backbone: {
      imgSize: recipe.global_crops_size,
      patchSize: recipe.patch_size,
      embedDim: recipe.embed_dim,
      depth: recipe.depth,
      numHeads: recipe.num_heads,
      mlpRatio: recipe.mlp_ratio,
      maskedImageModeling: recipe.use_masked_im_modeling,
    },
    head: {
      inDim: recipe.embed_dim,
      layers: recipe.head_layers,
      hiddenDim: recipe.head_hidden_dim,
      bottleneckDim: recipe.head_bottleneck_dim,
      outDim: recipe.out_dim,
      patchOutDim: recipe.patch_out_dim,
      shared: recipe.shared_head,
      normLastLayer: recipe.norm_last_layer,
      activation: recipe.act_in_head,
      norm: recipe.norm_in_head,
    },
    sharedHeadTeacher: recipe.shared_head_teacher,
  };
}

/** How the patches of a large crop are masked, on its grid of patches. */
export function maskOptionsOf(recipe: Recipe): MaskOptions {
  const grid = recipe.global_crops_size / recipe.patch_size;
  const { pred_ratio, pred_ratio_var, pred_shape, pred_start_epoch } = recipe;
  const [low, high] = recipe.pred_aspect_ratio;
  return {
    rows: grid,
    columns: grid,
    pred_ratio,
    pred_ratio_var,
    pred_shape,
    pred_aspect_ratio: [low!, high!],
    pred_start_epoch,
  };
}

/** Numbers, shares of the area and sides (in pixels) of the crops of one picture. */
export function cropOptionsOf(recipe: Recipe): CropOptions {
  const { global_crops_number, global_crops_size, local_crops_number, local_crops_size } = recipe;
  const [globalLow, globalHigh] = recipe.global_crops_scale;
  const [localLow, localHigh] = recipe.local_crops_scale;
  const [softest, strongest] = recipe.blur_radius;
  return {
    global_crops_number,
    global_crops_scale: [globalLow!, globalHigh!],
    global_crops_size,
    local_crops_number,
    local_crops_scale: [localLow!, localHigh!],
    local_crops_size,
    blur_radius: [softest!, strongest!],
  };
}

/** Pixels that a micro-batch's pictures may have together: room for 512 × 512 each, within one 128 MiB binding. */
export const pixelCapacityOf = (microBatch: number): number => Math.min(1 << 25, microBatch * 512 * 512);

/** Shapes of one micro-batch (batch_size / accumulate pictures), and the numbers that stay the same over the run. */
export function trainerOptionsOf(recipe: Recipe): TrainerOptions {
  const batch = recipe.batch_size / recipe.accumulate;
  const masks = maskOptionsOf(recipe);
  return {
    shape: {
      batch,
      globalCrops: recipe.global_crops_number,
      localCrops: recipe.local_crops_number,
      globalSize: recipe.global_crops_size,
      localSize: recipe.local_crops_size,
      capacity: Math.max(1, recipe.global_crops_number * batch * maskCapacity(masks)),
      dropPath: recipe.drop_path,
      masking: recipe.use_masked_im_modeling,
      koleo: recipe.koleo_weight / recipe.accumulate,
      sinkhorn: recipe.centering === 'sinkhorn_knopp',
      pixelCapacity: pixelCapacityOf(batch),
    },
    accumulate: recipe.accumulate,
    seed: recipe.seed,
    masks,
    studentTemperature: recipe.student_temp,
    centreMomentum: recipe.center_momentum,
    patchCentreMomentum: recipe.center_momentum2,
    lambda1: recipe.lambda1,
    lambda2: recipe.lambda2,
    clipGradient: recipe.clip_grad,
  };
}

/** The values of the schedules at a step, counted from 0. */
export function settingsAt(schedules: TrainingSchedules, step: number): StepSettings {
  return {
    learningRate: schedules.learningRate(step),
    weightDecay: schedules.weightDecay(step),
    momentum: schedules.momentum(step),
    teacherTemperature: schedules.teacherTemperature(step),
    teacherPatchTemperature: schedules.teacherPatchTemperature(step),
    freezeLastLayer: schedules.lastLayerFrozen(step),
  };
}
