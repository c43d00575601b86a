/**
 * Networks: parameters and their start, the vision transformer, the projection head. A new model is one file here. Parameter
 * names are the original's.
 */
export { ParameterSet, PARAMETER_ALIGNMENT, type ParameterEntry, type ParameterSpec } from './parameters';
export {
  dropPathRates,
  pooledTokens,
  positionsFor,
  tokensOf,
  vit,
  vitParameters,
  NORM_EPS,
  type CropGroup,
  type VitConfig,
  type VitInput,
} from './vit';
export { headBottleneck, headLogits, headParameters, lastLayerWeight, type HeadConfig, type RowCount } from './head';
