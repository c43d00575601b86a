/**
 * Learning rate, weight decay, teacher momentum and teacher temperatures over a run, in f64, each as a function of the
 * step: nothing has to be stored for a run to go on. Formulas: the original's utils.cosine_scheduler and iBOTLoss.
 */
import { UserError } from '../errors';

export type Schedule = (step: number) => number;

/** Epochs may be fractions; what counts is the nearest whole number of steps. */
export const epochsToSteps = (epochs: number, stepsPerEpoch: number): number => Math.round(epochs * stepsPerEpoch);

/** The i-th of n equally spaced values, both ends included; with n = 1 it is `from`. */
const ramp = (from: number, to: number, i: number, n: number): number => {
  if (i === 0) return from;
  return i >= n - 1 ? to : from + i * ((to - from) / (n - 1));
};

export interface CosineOptions {
  base: number;
  final: number;
  epochs: number;
  stepsPerEpoch: number;
  warmupEpochs?: number;
  startWarmup?: number;
}

/**
 * Linear warm-up from `startWarmup` to `base`, both included, then half a cosine from `base` towards `final`, which is
 * never reached: its n steps stand at i / n. Steps after the last keep the last value. Throws UserError where the
 * warm-up is longer than the run.
 */
export function cosineSchedule(options: CosineOptions): Schedule {
  const { base, final, epochs, stepsPerEpoch, warmupEpochs = 0, startWarmup = 0 } = options;
  const steps = epochsToSteps(epochs, stepsPerEpoch);
  const warmup = epochsToSteps(warmupEpochs, stepsPerEpoch);
  if (warmup > steps) {
    throw new UserError(
      `The warm-up of ${warmupEpochs} epochs is longer than the run of ${epochs}: shorten it, or train longer.`,
    );
  }
  return (step) => {
    const at = Math.max(0, Math.min(step, steps - 1));
    if (at < warmup) return ramp(startWarmup, base, at, warmup);
    return final + 0.5 * (base - final) * (1 + Math.cos((Math.PI * (at - warmup)) / (steps - warmup)));
  };
}

export interface TemperatureOptions {
  warmup: number;
  final: number;
  warmupEpochs: number;
  epochs: number;
  stepsPerEpoch: number;
  /** Delays the ramp: `pred_start_epoch` for the patch temperature, 0 for the [CLS] one. */
  startEpoch?: number;
}

/**
 * A teacher temperature: `warmup` until the start, a linear ramp to `final`, both ends included, then `final`. With a
 * warm-up of whole epochs it changes by epoch, as the original's; with a fraction it changes by step. Throws UserError
 * where start and ramp together are longer than the run.
 */
export function teacherTemperatureSchedule(options: TemperatureOptions): Schedule {
  const { warmup, final, warmupEpochs, epochs, stepsPerEpoch, startEpoch = 0 } = options;
  if (startEpoch + warmupEpochs > epochs) {
    const start = startEpoch > 0 ? `starts after ${startEpoch} epochs and ` : '';
    throw new UserError(
      `The teacher temperature's warm-up ${start}takes ${warmupEpochs} epochs, longer than the run of ${epochs}: ` +
        'lower warmup_teacher_temp_epochs, or train longer.',
    );
  }
  const byEpoch = Number.isInteger(warmupEpochs) && Number.isInteger(startEpoch);
  const length = byEpoch ? warmupEpochs : epochsToSteps(warmupEpochs, stepsPerEpoch);
  const start = byEpoch ? startEpoch : epochsToSteps(startEpoch, stepsPerEpoch);
  return (step) => {
    const at = (byEpoch ? Math.floor(step / stepsPerEpoch) : step) - start;
    if (at < 0) return warmup;
    return at < length ? ramp(warmup, final, at, length) : final;
  };
}

/** The options that the schedules of a run depend on, under the original's names. */
export interface ScheduleOptions {
  epochs: number;
  batch_size: number;
  lr: number;
  min_lr: number;
  warmup_epochs: number;
  weight_decay: number;
  weight_decay_end: number;
  momentum_teacher: number;
  freeze_last_layer: number;
  warmup_teacher_temp: number;
  teacher_temp: number;
  warmup_teacher_patch_temp: number;
  teacher_patch_temp: number;
  warmup_teacher_temp_epochs: number;
  pred_start_epoch: number;
}

export interface TrainingSchedules {
  /** Steps of the whole run. */
  steps: number;
  /** lr · batch_size / 256 at its height (linear scaling rule, arXiv 1706.02677). */
  learningRate: Schedule;
  weightDecay: Schedule;
  /** The teacher's share that it keeps; rises towards 1. */
  momentum: Schedule;
  teacherTemperature: Schedule;
  teacherPatchTemperature: Schedule;
  lastLayerFrozen: (step: number) => boolean;
}

/** All schedules of a run of `stepsPerEpoch` optimiser steps per epoch. */
export function trainingSchedules(options: ScheduleOptions, stepsPerEpoch: number): TrainingSchedules {
  const { epochs, warmup_teacher_temp_epochs: warmupEpochs } = options;
  const run = { epochs, stepsPerEpoch };
  const frozen = epochsToSteps(options.freeze_last_layer, stepsPerEpoch);
  return {
    steps: epochsToSteps(epochs, stepsPerEpoch),
    learningRate: cosineSchedule({
      ...run,
      base: (options.lr * options.batch_size) / 256,
      final: options.min_lr,
      warmupEpochs: options.warmup_epochs,
    }),
    weightDecay: cosineSchedule({ ...run, base: options.weight_decay, final: options.weight_decay_end }),
    momentum: cosineSchedule({ ...run, base: options.momentum_teacher, final: 1 }),
    teacherTemperature: teacherTemperatureSchedule({
      ...run,
      warmupEpochs,
      warmup: options.warmup_teacher_temp,
      final: options.teacher_temp,
    }),
    teacherPatchTemperature: teacherTemperatureSchedule({
      ...run,
      warmupEpochs,
      warmup: options.warmup_teacher_patch_temp,
      final: options.teacher_patch_temp,
      startEpoch: options.pred_start_epoch,
    }),
    lastLayerFrozen: (step) => step < frozen,
  };
}
