/**
 * GELU (the exact one, x·Φ(x), as `nn.GELU()`) and ReLU: WGSL functions shared by the kernels that fuse them, and the
 * element-wise gradient pass.
 */
import { spread, SPREAD_INDEX, type Kernel, type OpDefinition, type Tensor } from '../graph';

export type Activation = 'gelu' | 'relu';

/** A learned or drawn factor per row: `table[offset + sequence[row]]` (stochastic depth draws one per sequence). */
export interface RowScale {
  table: Tensor;
  /** u32, one entry per row: the row's entry in the table. */
  sequence: Tensor;
  /** Where this use's entries begin in the table. */
  offset: number;
}

const polynomial = (x: string, coefficients: readonly number[]): string =>
  coefficients.reduceRight((inner, c) => (inner ? `(${c} + ${x} * ${inner})` : `${c}`), '');

/** (Φ(x) − ½) / x on |x| < 1.4 as a polynomial in x². */
const MIDDLE = [0.398942268, -0.0664899146, 0.00997074281, -0.00118105619, 0.000109015821, -6.29763227e-6];
/** ln Φ(−t) on t ≥ 1.4, fitted to 6 with weight Φ(−t)^¾; falls without bound beyond. */
const TAIL = [
  -0.692990587, -0.798630474, -0.316749067, -0.0382286966, 0.00625728022, -0.00073186127, 5.35909415e-5, -1.82578165e-6,
];

/**
 * WGSL: `activate(x)` and `activationSlope(x)` for `f32` or `vec4f`. Φ is within 9e-8 of the true normal distribution
 * function (Chebyshev fits of our own), and keeps its relative accuracy to about 1e-5 on the left side.
 */
export function activationText(activation: Activation, type: 'f32' | 'vec4f'): string {
  if (activation === 'relu') {
    return `
fn activate(x: ${type}) -> ${type} { return select(x, ${type}(0.0), x < ${type}(0.0)); }
fn activationSlope(x: ${type}) -> ${type} { return select(${type}(0.0), ${type}(1.0), x > ${type}(0.0)); }`;
  }
  return `
fn normalDistribution(x: ${type}) -> ${type} {
  let t = abs(x);
  let s = x * x;
  let tail = exp(${polynomial('t', TAIL)});
  let outer = select(1.0 - tail, tail, x < ${type}(0.0));
  return select(outer, 0.5 + x * ${polynomial('s', MIDDLE)}, t < ${type}(1.4));
}
fn activate(x: ${type}) -> ${type} { return x * normalDistribution(x); }
fn activationSlope(x: ${type}) -> ${type} {
  return normalDistribution(x) + x * (0.39894228 * exp(-0.5 * x * x));
}`;
}

interface ActivationGradient {
  activation: Activation;
  scaleOffset?: number;
}

const kernel = (activation: Activation, scaled: boolean, width: 1 | 4): Kernel => {
  const type = width === 4 ? 'vec4f' : 'f32';
  return {
    key: `activation-gradient/${activation}${scaled ? '/scale' : ''}/${width}`,
    bindings: [
      `dy: ${type}`,
      `pre: ${type}`,
      `dpre: ${type}`,
      ...(scaled ? ['table: f32', 'sequence: u32'] : []),
    ],
    params: ['size', 'columns', 'scaleOffset'],
    workgroup: [64, 1, 1],
    declarations: activationText(activation, type),
    main: `
  let first = (${SPREAD_INDEX} * 64u + lane) * 4u;
  for (var i = first; i < min(first + 4u, p.size); i++) {
    dpre[i] = dy[i] * activationSlope(pre[i])${scaled ? ' * table[p.scaleOffset + sequence[i / p.columns]]' : ''};
  }`,
  };
};

/** Inputs dy, pre and, with a scale per row, table and sequence. Output dy · scale · act′(pre), shaped as dy. */
export const activationGradientOp: OpDefinition<ActivationGradient> = {
  name: 'activation-gradient',
  outputs: ([dy]) => [{ shape: dy!.shape }],
  lower: ({ inputs, outputs, attributes: { activation, scaleOffset = 0 } }) => {
    const tensors = inputs.filter((t) => t !== undefined);
    const [dy, pre, table, sequence] = tensors;
    const columns = dy!.columns;
    const width = columns % 4 === 0 ? 4 : 1;
    const size = dy!.size / width;
    return [
      {
        kernel: kernel(activation, table !== undefined, width),
        tensors: [dy!, pre!, outputs[0]!, ...(table ? [table, sequence!] : [])],
        params: { size, columns: columns / width, scaleOffset },
        workgroups: spread(Math.ceil(size / 256)),
      },
    ];
  },
};
