/**
 * Runs: their folders, checkpoints, metrics, health, and the training loop that can be stopped anywhere and goes on bit
 * for bit.
 */
export { prepareRun, resumeTraining, runTraining, type ResumeOptions, type RunContents, type TrainingOptions } from './train';
export { headlineKnn, type Baselines, type DoneEvent, type EpochEvent, type RunEvent, type StepEvent, type WarningCode } from './events';
export { RunFolder, readRunFolder } from './run-folder';
export { sameDevice, type DeviceRecord, type RunRecord } from './run-record';
export { checkpointStep, freeBytes, listCheckpoints } from './checkpoint-store';
export { LOOKING_SHARE, RunControl, RunEndedError, type Saved } from './run-control';
export { panelSteps, readBasis, readPanel, readPanelHead, readPictures, type Panel, type PanelHead, type PanelPictures } from './panel-files';
export { holderOf, holderSchema, isAlive, ownHolder, removeStaleLock, takeLock, type Holder, type Lock } from './lock';
export { checkpointBytes } from './checkpoint';
export { fitRecipe } from './fit-recipe';
export { HealthMonitor, NonFiniteError } from './health';
export { LineFollower, type LineReader } from './line-follower';
export { parseWarning, WARNINGS_FILE, type RecordedWarning } from './warnings-file';
export { MetricsColumns, STEP_COLUMNS, type StepColumn } from './metrics-columns';
