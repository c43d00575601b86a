/**
 * What all kernels of the matrix product share: operands with offsets and strides, the optional epilogue, the optional
 * row count. A frame turns the options into bindings, uniforms and the WGSL functions `rowLimit`, `depthLimit`,
 * `depthScale` and `store`.
 */
import { writtenOnce, type Kernel, type KernelText, type Tensor } from '../graph';
import { activationText, type Activation, type RowScale } from './activation';

/** Which operand lies transposed in memory: nn A[m,k] B[k,n]; nt A[m,k] B[n,k]; tn A[k,m] B[k,n]. */
export type ProductKind = 'nn' | 'nt' | 'tn';

export interface Operand {
  tensor: Tensor;
  /** First element. */
  offset?: number;
  /** Elements from one row to the next (default: the matrix is dense). */
  stride?: number;
}

/**
 * In this order: v = acc + bias[column]; pre = v; v = activation(v); v ·= scale(row); v ·= slope; v += residual.
 */
export interface Epilogue {
  /** [n] */
  bias?: Tensor;
  activation?: Activation;
  /** Receives the value before the activation, [m, n]. */
  pre?: Tensor;
  scale?: RowScale;
  /** Multiplies by activation′(at), at [m, n]: the way back through an activation. Not together with `activation`. */
  slope?: { activation: Activation; at: Tensor };
  /** [m, n] */
  residual?: Tensor;
}

export interface ProductOptions {
  kind: ProductKind;
  m: number;
  n: number;
  k: number;
  a: Operand;
  b: Operand;
  c: Operand;
  /** c += … instead of c = … (and the same for `sums`). Not together with an epilogue. */
  accumulate?: boolean;
  epilogue?: Epilogue;
  /**
   * The number of valid rows is data: max(0, tensor[0] − subtract), tensor u32. For nn and nt it bounds m (rows beyond
   * are not written), for tn it bounds k (the reduction stops there).
   */
  rowCount?: { tensor: Tensor; subtract?: number };
  /** tn only: multiplies row k of A (and so of the reduction). */
  depthScale?: RowScale;
  /** tn only: [m], receives the sums over k of A (with `depthScale`): a bias's gradient. */
  sums?: Tensor;
}

export interface Frame {
  /** Part of the kernel's key: everything that changes the text. */
  key: string;
  bindings: string[];
  tensors: Tensor[];
  params: string[];
  values: Record<string, number>;
  declarations: string;
  /** The binding's name of the second operand: both share one if they are the same tensor. */
  b: string;
}

const strideOf = (operand: Operand, dense: number): number => operand.stride ?? dense;

const sameMemory = (x: Tensor, y: Tensor): boolean =>
  x === y || ((x.base ?? x) === (y.base ?? y) && within(x) === within(y) && x.bytes === y.bytes);
const within = (tensor: Tensor): number => (tensor.base ? tensor.byteOffset : 0);

/** Every row of the operand starts at a multiple of four elements. */
export const aligned = (operand: Operand, dense: number): boolean =>
  (operand.offset ?? 0) % 4 === 0 && strideOf(operand, dense) % 4 === 0;

/** Dense row lengths of A and B. */
export const denseStrides = ({ kind, m, n, k }: ProductOptions): { a: number; b: number } => ({
  a: kind === 'tn' ? m : k,
  b: kind === 'nt' ? k : n,
});

/**
 * @param width elements per access: 4 makes all matrices `vec4f`, and strides, offsets and columns count vectors
 * @throws if options exclude each other
 */
export function frameOf(options: ProductOptions, width: 1 | 4): Frame {
  const { kind, m, n, k, a, b, c, accumulate = false, epilogue = {}, rowCount, depthScale, sums } = options;
  const { bias, activation, pre, scale, slope, residual } = epilogue;
  if (accumulate && Object.values(epilogue).some((part) => part !== undefined)) {
    throw new Error('product: accumulate and an epilogue exclude each other');
  }
  if (kind !== 'tn' && (depthScale || sums)) throw new Error('product: depthScale and sums are for tn');
  if (depthScale && scale) throw new Error('product: depthScale and scale exclude each other');
  if (activation && slope) throw new Error('product: activation and slope exclude each other');
  const factor = depthScale ?? scale;
  const type = width === 4 ? 'vec4f' : 'f32';
  const dense = denseStrides(options);

  const bindings: string[] = [];
  const tensors: Tensor[] = [];
  const shared: string[] = [];
  /** The name under which the kernel finds `tensor`: two writable bindings may not lie in the same memory. */
  const bind = (name: string, element: string, tensor: Tensor | undefined): string => {
    if (!tensor) return name;
    const i = tensors.findIndex((other) => sameMemory(other, tensor));
    if (i >= 0) {
      const [first, its] = bindings[i]!.split(': ') as [string, string];
      if (its !== element) throw new Error(`product: ${first} and ${name} are one tensor read in two ways`);
      shared.push(`${name}=${first}`);
      return first;
    }
    bindings.push(`${name}: ${element}`);
    tensors.push(tensor);
    return name;
  };
  bind('a', type, a.tensor);
  const nameOfB = bind('b', type, b.tensor);
  bind('c', type, c.tensor);
  const nameOfBias = bind('bias', type, bias);
  bind('pre', type, pre);
  bind('table', 'f32', factor?.table);
  bind('sequence', 'u32', factor?.sequence);
  const nameOfSlope = bind('slope_at', type, slope?.at);
  const nameOfResidual = bind('residual', type, residual);
  bind('sums', 'f32', sums);
  bind('count', 'u32', rowCount?.tensor);

  const counted = 'count[0] - min(count[0], p.subtract)';
  const limit = (name: string, whole: string, bounded: boolean): string =>
    `fn ${name}() -> u32 { return ${bounded ? `min(${whole}, ${counted})` : whole}; }`;
  const lines = [
    activation || slope ? activationText((activation ?? slope?.activation)!, type) : '',
    limit('rowLimit', 'p.m', rowCount !== undefined && kind !== 'tn'),
    limit('depthLimit', 'p.k', rowCount !== undefined && kind === 'tn'),
    depthScale ? 'fn depthScale(k: u32) -> f32 { return table[p.scaleOffset + sequence[k]]; }' : '',
    `fn store(row: u32, column: u32, sum: ${type}) {`,
    '  var v = sum;',
    bias ? `  v += ${nameOfBias}[column];` : '',
    pre ? `  pre[row * (p.n / ${width}u) + column] = v;` : '',
    activation ? '  v = activate(v);' : '',
    scale ? '  v *= table[p.scaleOffset + sequence[row]];' : '',
    slope ? `  v *= activationSlope(${nameOfSlope}[row * (p.n / ${width}u) + column]);` : '',
    residual ? `  v += ${nameOfResidual}[row * (p.n / ${width}u) + column];` : '',
    '  let i = p.cOffset + row * p.cStride + column;',
    accumulate ? '  c[i] += v;' : '  c[i] = v;',
    '}',
    sums ? `fn storeSum(row: u32, sum: f32) { sums[row] ${accumulate ? '+=' : '='} sum; }` : '',
  ];
  const flags = [
    kind,
    width,
    accumulate && 'accumulate',
    bias && 'bias',
    activation,
    pre && 'pre',
    scale && 'scale',
    slope && `${slope.activation}-slope`,
    residual && 'residual',
    depthScale && 'depth-scale',
    sums && 'sums',
    rowCount && 'count',
    ...shared,
  ];
  return {
    key: flags.filter((flag) => flag).join('+'),
    bindings,
    tensors,
    params: ['m', 'n', 'k', 'aOffset', 'aStride', 'bOffset', 'bStride', 'cOffset', 'cStride', 'scaleOffset', 'subtract'],
    values: {
      m,
      n,
      k,
      aOffset: (a.offset ?? 0) / width,
      aStride: strideOf(a, dense.a) / width,
      bOffset: (b.offset ?? 0) / width,
      bStride: strideOf(b, dense.b) / width,
      cOffset: (c.offset ?? 0) / width,
      cStride: strideOf(c, n) / width,
      scaleOffset: factor?.offset ?? 0,
      subtract: rowCount?.subtract ?? 0,
    },
    declarations: lines.filter((line) => line).join('\n'),
    b: nameOfB,
  };
}

/** WGSL: indices of A's element (row, depth) and B's element (depth, column), in elements. */
export const INDEX: Record<ProductKind, { a: (row: string, k: string) => string; b: (k: string, column: string) => string }> = {
  nn: {
    a: (row, k) => `p.aOffset + (${row}) * p.aStride + ${k}`,
    b: (k, column) => `p.bOffset + (${k}) * p.bStride + ${column}`,
  },
  nt: {
    a: (row, k) => `p.aOffset + (${row}) * p.aStride + ${k}`,
    b: (k, column) => `p.bOffset + (${column}) * p.bStride + ${k}`,
  },
  tn: {
    a: (row, k) => `p.aOffset + (${k}) * p.aStride + ${row}`,
    b: (k, column) => `p.bOffset + (${k}) * p.bStride + ${column}`,
  },
};

/** A kernel on a frame; `params` are added to the frame's, and what `write` gives depends on variant and frame alone. */
export function framed(
  frame: Frame,
  variant: string,
  rest: Pick<Kernel, 'workgroup' | 'enables'> & { params?: string[]; write: () => KernelText },
): Kernel {
  const key = `product/${variant}/${frame.key}`;
  return {
    key,
    bindings: frame.bindings,
    params: [...frame.params, ...(rest.params ?? [])],
    workgroup: rest.workgroup,
    enables: rest.enables,
    ...writtenOnce(key, () => {
      const { declarations = '', main } = rest.write();
      return { declarations: [frame.declarations, declarations].join('\n'), main };
    }),
  };
}
