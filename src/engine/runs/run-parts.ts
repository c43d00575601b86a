import type { BatchLoader, Manifest } from '../data';
import type { Recipe, Trainer, TrainingSchedules } from '../ibot';
import type { BadPictures } from './bad-pictures';
import type { CheckpointIdentity } from './checkpoint';
import type { CheckpointStore } from './checkpoint-store';
import type { RunEvent } from './events';
import type { KnnSoFar } from './knn-so-far';
import type { MetricsLog } from './metrics';
import type { RunControl } from './run-control';
import type { RunEvaluation } from './run-evaluation';
import type { RunFolder } from './run-folder';
import type { RunPanels } from './run-panels';
import type { RunRecord } from './run-record';

/** Everything that a run consists of, made by `runTraining` and `resumeTraining`. */
export interface RunParts {
  folder: RunFolder;
  record: RunRecord;
  manifest: Manifest;
  recipe: Recipe;
  trainer: Trainer;
  loader: BatchLoader;
  schedules: TrainingSchedules;
  stepsPerEpoch: number;
  identity: CheckpointIdentity;
  store: CheckpointStore;
  metrics: MetricsLog;
  evaluation: RunEvaluation;
  badPictures: BadPictures;
  knn: KnnSoFar;
  emit: (event: RunEvent) => void;
  signal: AbortSignal | undefined;
  control: RunControl | undefined;
  panels: RunPanels | undefined;
  /** Seconds of computing by earlier processes of the run. */
  elapsedBefore: number;
}
