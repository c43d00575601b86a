/**
 * What a run tells while it goes on. `train --json` prints these objects one per line, and the lines of
 * `metrics.jsonl` are the step and epoch events, so names and units are stable.
 */

import type { Problem } from '../data';
import type { KnnScores, NetworkScores } from '../evaluate';

/** One optimiser step. */
export interface StepEvent {
  event: 'step';
  /** Steps done, this one included. */
  step: number;
  /** The epoch that the step belongs to, counted from 1. */
  epoch: number;
  /** cls + patch, each weighted by its lambda, in nats. */
  loss: number;
  cls: number;
  patch: number;
  learningRate: number;
  weightDecay: number;
  /** Share of itself that the teacher kept. */
  momentum: number;
  teacherTemperature: number;
  teacherPatchTemperature: number;
  /** Before clipping. */
  gradientNorm: number;
  /** Mean entropy of the teacher's [CLS] outputs, and entropy of their mean, in nats. */
  teacherEntropy: number;
  meanTeacherEntropy: number;
  teacherPatchEntropy: number;
  meanTeacherPatchEntropy: number;
  /** Its loss, weighted; 0 where it is not used. Not part of `loss`. */
  koleo: number;
  /** Pictures in training per second, over the last steps. */
  picturesPerSecond: number;
  /** On the device, as the plan has it. */
  memoryBytes: number;
  /** At the present speed; evaluations not counted. */
  secondsLeft: number;
  /** Seconds of computing until here, measuring and saving included, in all processes of the run. */
  elapsed: number;
  /** Seconds that the step waited for its pictures. */
  waited: number;
}

/** Means over an epoch, and what was measured at its end. */
export interface EpochEvent {
  event: 'epoch';
  /** Steps done. */
  step: number;
  /** Epochs done, counting a fraction of one at the end of a run as a whole one. */
  epoch: number;
  epochs: number;
  loss: number;
  cls: number;
  patch: number;
  teacherEntropy: number;
  meanTeacherEntropy: number;
  /** Percent of pictures for which teacher (first crop) and student (second crop) give the same output. */
  accuracy: number;
  /** Agreement of the teacher's outputs with the labels, 0 … 1; null without labels. */
  nmi: number | null;
  ari: number | null;
  fscore: number | null;
  /** Null where nothing was measured after this epoch; `evaluationSkipped` says why. */
  evaluation: EpochEvaluation | null;
  evaluationSkipped: string | null;
  /** Wall time of this epoch's steps in this process. */
  seconds: number;
  /** As that of steps. */
  elapsed: number;
}

export interface EpochEvaluation {
  teacher: NetworkScores;
  student?: NetworkScores;
  seconds: number;
}

/** Measured once per run: what there is without any learning. */
export interface Baselines {
  untrained: NetworkScores;
  /** k-NN on raw pixels, 24 × 24, mean-centred; null without labels. */
  pixels: KnnScores | null;
}

export const WARNING_CODES = [
  'uniform-teacher',
  'one-output',
  'falling-rank',
  'batch-lowered',
  'few-steps',
  'other-device',
  'other-program',
  'checkpoint-refused',
  'bad-pictures',
  'touched-pictures',
] as const;
export type WarningCode = (typeof WARNING_CODES)[number];

/** queued: made, and nothing computed yet. */
export type RunState = 'queued' | 'running' | 'stopped' | 'finished' | 'failed';

export type RunEvent =
  | {
      event: 'start';
      folder: string;
      device: string;
      software: boolean;
      trainingPictures: number;
      heldOutPictures: number;
      classes: number;
      stepsPerEpoch: number;
      steps: number;
      /** Steps done before: 0 for a new run. */
      fromStep: number;
      /** Of the student. */
      parameters: number;
      memoryBytes: number;
      checkpointBytes: number;
    }
  | { event: 'preparing'; stage: 'tuning' | 'kernels' | 'evaluation'; done: number; total: number }
  | ({ event: 'baselines' } & Baselines)
  | StepEvent
  | EpochEvent
  | { event: 'saving'; step: number; bytes: number }
  | { event: 'checkpoint'; step: number; epoch: number; path: string; bytes: number; seconds: number }
  | { event: 'warning'; code: WarningCode; message: string; step: number }
  /** Could not be read, and have been replaced; paths below the pictures' folder. */
  | { event: 'bad-pictures'; step: number; pictures: readonly Problem[] }
  | { event: 'panel'; step: number; epoch: number; seconds: number }
  | { event: 'note'; message: string }
  | DoneEvent;

export interface DoneEvent {
  event: 'done';
  state: Exclude<RunState, 'running' | 'queued'>;
  folder: string;
  step: number;
  steps: number;
  /** Of the teacher, in percent, by k = 20 (10 where there are fewer training pictures); null if never measured. */
  knn: number | null;
  bestKnn: number | null;
  /** Why it ended, if not because it was through. */
  reason: string | null;
}

/** The one number for a set of k-NN scores. */
export const headlineKnn = (scores: KnnScores | null): number | null => scores && (scores.k20 ?? scores.k10);
