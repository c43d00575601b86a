/**
 * Runs: their folders, checkpoints, metrics, health, and the training loop that can be stopped anywhere and goes on bit
 * for bit.
 */
export { resumeTraining, runTraining, type ResumeOptions, type TrainingOptions } from './train';
export { headlineKnn, type Baselines, type DoneEvent, type EpochEvent, type RunEvent, type StepEvent } from './events';
export { RunFolder, readRunFolder } from './run-folder';
export { type RunRecord } from './run-record';
export { checkpointStep, freeBytes, listCheckpoints } from './checkpoint-store';
export { checkpointBytes } from './checkpoint';
export { fitRecipe } from './fit-recipe';
export { HealthMonitor, NonFiniteError } from './health';
