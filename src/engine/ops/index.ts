/**
 * Operations, one file each: shape rule, gradient rule and kernels side by side. A new operation is one file here and
 * one line below.
 */
export { activate } from './activate';
export { attention, type AttentionGroup } from './attention';
export { attentionMatrix } from './attention-matrix';
export { augment, centreCropNormalise, LARGEST_CROP, RECORD_WORDS } from './augment';
export { centreSum, centreUpdate } from './centre';
export { columnMean } from './column-mean';
export {
  distillationLoss,
  encodeLossScalars,
  LOSS_SCALARS_LENGTH,
  METRIC,
  METRICS_LENGTH,
  type LossScalars,
} from './distillation-loss';
export { gatherRows } from './gather-rows';
export { koleo } from './koleo';
export { layerNorm } from './layer-norm';
export { linear, matmul } from './linear';
export { meanPool } from './mean-pool';
export { normaliseRows } from './normalise-rows';
export {
  encodeOptimiserScalars,
  NO_ENTRY,
  optimiser,
  STATE,
  STATE_LENGTH,
  STEP_METRIC,
  STEP_METRICS_LENGTH,
  STEP_SCALARS_LENGTH,
} from './optimiser';
export { patchify } from './patchify';
export { interpolatePositions, positionMatrix } from './position-embedding';
export { assembleTokens } from './tokens';
export { sinkhornCentre } from './sinkhorn-centre';
export { weightNorm } from './weight-norm';
