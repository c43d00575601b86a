/**
 * What all forms of attention share: one pass works on one group of sequences, and every kernel of every form is told
 * the same few sizes and finds its band of tokens, its head and its sequence in the same way.
 */
import type { Dispatch, Kernel, Tensor } from '../graph';
import { spread, SPREAD_INDEX } from '../graph';

/** `sequences` sequences of `length` tokens, one after another, from row `row` on. */
export interface AttentionGroup {
  row: number;
  sequences: number;
  length: number;
}

/** One group as a kernel meets it. */
export interface AttentionPass extends AttentionGroup {
  heads: number;
  /** Columns of one head, a multiple of 4. */
  size: number;
  /** What logits are multiplied by. */
  scale: number;
}

export interface ForwardTensors {
  qkv: Tensor;
  output: Tensor;
  /** [rows, heads] log-sum-exp of the scaled logits (natural logarithm). */
  lse: Tensor;
}

export interface BackwardTensors extends ForwardTensors {
  outputGradient: Tensor;
  /** [rows, heads] Σ over a head's columns of output × its gradient: written by the query pass, read by the key pass. */
  delta: Tensor;
  qkvGradient: Tensor;
}

/** One way to compute attention on a device. Each function makes the single dispatch of one pass. */
export interface AttentionForm {
  forward(pass: AttentionPass, tensors: ForwardTensors): Dispatch;
  /** Gradient of the queries, and `delta`. */
  queryGradient(pass: AttentionPass, tensors: BackwardTensors): Dispatch;
  /** Gradients of keys and values; needs `delta`. */
  keyGradient(pass: AttentionPass, tensors: BackwardTensors): Dispatch;
}

export type PassKind = 'forward' | 'query-gradient' | 'key-gradient';

/** Multiplications and additions counted singly, with what the gradient passes compute again. */
const PRODUCTS: Record<PassKind, number> = { forward: 2, 'query-gradient': 3, 'key-gradient': 4 };

export const passFlops = (kind: PassKind, { heads, size, sequences, length }: AttentionPass): number =>
  2 * PRODUCTS[kind] * length * length * size * heads * sequences;

/** `vectors`: vec4 of a head's row. A loop bound that compilers do not know is a loop that they do not unroll for seconds. */
export const PASS_PARAMS = ['items', 'bands', 'heads', 'row', 'length', 'vectors', 'scale: f32'] as const;

/** log2 e: exponentials are taken to base 2, the native one, so resident operands are scaled by `scale · log2 e`. */
export const LOG2E = '1.4426950408889634';
export const LN2 = '0.6931471805599453';
/** Below every logit, and finite: the difference of two of them is 0 and not NaN. */
export const LOWEST = '-1e30';

/**
 * WGSL: where this workgroup works. All addresses count vec4. `band` is its band of tokens, `first` its sequence's first row,
 * `width` an output row, `at` the queries of `first`, `at + width` the keys, `at + 2 width` the values. Spare workgroups of a
 * dispatch repeat the last one's work, with the same results.
 */
export const LOCATE = `
  let item = min(${SPREAD_INDEX}, p.items - 1u);
  let band = item % p.bands;
  let head = (item / p.bands) % p.heads;
  let first = p.row + item / (p.bands * p.heads) * p.length;
  let width = p.heads * p.vectors;
  let stride = 3u * width;
  let at = first * stride + head * p.vectors;`;

const BINDINGS: Record<PassKind, readonly string[]> = {
  forward: ['qkv: vec4f', 'output: vec4f', 'lse: f32'],
  'query-gradient': ['qkv: vec4f', 'output: vec4f', 'lse: f32', 'output_gradient: vec4f', 'delta: f32', 'qkv_gradient: vec4f'],
  'key-gradient': ['qkv: vec4f', 'lse: f32', 'output_gradient: vec4f', 'delta: f32', 'qkv_gradient: vec4f'],
};

/** The dispatch of `kernel` for one pass whose workgroups own `rowsPerBand` tokens each. */
export function passDispatch(
  kind: PassKind,
  pass: AttentionPass,
  tensors: ForwardTensors | BackwardTensors,
  rowsPerBand: number,
  kernel: Omit<Kernel, 'bindings' | 'params'>,
): Dispatch {
  const bands = Math.ceil(pass.length / rowsPerBand);
  const items = bands * pass.heads * pass.sequences;
  const { qkv, output, lse } = tensors;
  const list = [qkv, output, lse];
  if ('delta' in tensors) {
    const { outputGradient, delta, qkvGradient } = tensors;
    list.push(outputGradient, delta, qkvGradient);
    if (kind === 'key-gradient') list.splice(1, 1);
  }
  return {
    kernel: { ...kernel, bindings: BINDINGS[kind], params: PASS_PARAMS },
    tensors: list,
    params: { items, bands, heads: pass.heads, row: pass.row, length: pass.length, vectors: pass.size / 4, scale: pass.scale },
    workgroups: spread(items),
    flops: passFlops(kind, pass),
  };
}
