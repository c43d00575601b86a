/**
 * Symbolic tensors, tracing, reverse-mode gradients, placement of every tensor in an arena, and the plan that is
 * replayed. Knows no particular op (except the sum that the gradient walk needs).
 */
export {
  Allocation,
  bytesPerElement,
  Graph,
  Tensor,
  type DType,
  type GradientContext,
  type GraphNode,
  type OpDefinition,
  type TensorSpec,
} from './tensor';
export {
  spread,
  SPREAD_INDEX,
  shaderText,
  writtenOnce,
  type Dispatch,
  type Kernel,
  type KernelText,
  type Lowering,
  type Variant,
} from './kernel';
export { addGradients } from './gradients';
export { addOp } from './add';
export {
  BindingTooLargeError,
  compileGraph,
  download,
  downloadU32,
  lowerNode,
  Plan,
  PlanLayout,
  upload,
  type VariantTable,
} from './plan';
export { tune, type Measurement } from './tune';
