/**
 * Runs: their folders, checkpoints, metrics, health, and the training loop that can be stopped anywhere and goes on bit
 * for bit.
 */
export { resumeTraining, runTraining, type ResumeOptions, type TrainingOptions } from './train';
export {
  headlineKnn,
  type Baselines,
  type DoneEvent,
  type EpochEvaluation,
  type EpochEvent,
  type RunEvent,
  type RunState,
  type StepEvent,
  type WarningCode,
} from './events';
export { RunFolder, readRunFolder } from './run-folder';
export { type DeviceRecord, type RunRecord } from './run-record';
export {
  checkpointName,
  DiskFullError,
  freeBytes,
  listCheckpoints,
  readableBytes,
  type StoredCheckpoint,
} from './checkpoint-store';
export {
  checkpointBytes,
  loadCheckpoint,
  recipeHash,
  writeCheckpoint,
  type CheckpointContents,
  type CheckpointIdentity,
} from './checkpoint';
export { fitRecipe } from './fit-recipe';
export { HealthMonitor, NonFiniteError, type HealthWarning } from './health';
