/**
 * The method: options, schedules, masks, student and teacher, the training step, and the trainer that carries it out.
 */
export { Network, teacherBackbone, teacherHead, within, type NetworkConfig } from './network';
export { drawMask, maskCapacity, type MaskOptions } from './masks';
export {
  cosineSchedule,
  epochsToSteps,
  teacherTemperatureSchedule,
  trainingSchedules,
  type ScheduleOptions,
  type TrainingSchedules,
} from './schedules';
export { RecipeError, setTo, type RecipeConflict, type WayOut } from './recipe-conflicts';
export {
  architectures,
  examineOptions,
  findOption,
  layerOptions,
  optionGroups,
  options,
  originalOptions,
  parseOptionWords,
  readOptions,
  resolveRecipe,
  type OptionDescriptor,
  type ExaminedOptions,
  type OptionGroup,
  type Recipe,
} from './recipe';
export { chooseAuto, type AutoChoice, type AutoInput, type TooShort } from './auto';
export { fitMemory, memoryOf } from './fit-memory';
export { flopsPerPicture } from './step-cost';
export { measureRate } from './measure-rate';
export { modelTitle } from './model-title';
export { AUTO, NO_PRESET, presets, type Preset } from './presets';
export { drawMasks } from './step-inputs';
export { cropOptionsOf, maskOptionsOf, networkConfigOf, pixelCapacityOf, settingsAt, trainerOptionsOf } from './from-recipe';
export { PIXEL_MEAN, PIXEL_STD, traceForward, traceUpdate, type TrainingShape } from './training-graph';
export {
  Trainer,
  TrainerLayout,
  type ImageBatch,
  type TrainerMemory,
  type TrainerOptions,
  type TrainerProgress,
} from './trainer';
export type { StepIdentity, StepReport, StepSettings } from './step-reports';
