/**
 * Linear layers as PyTorch's `nn.Linear`, with what usually follows them done in the product's epilogue, and the plain
 * matrix product.
 */
import { addOp, type Graph, type GraphNode, type OpDefinition, type Tensor } from '../graph';
import { activationGradientOp, type Activation, type RowScale } from './activation';
import { product, productOp } from './product';

export interface LinearOptions {
  /** [N] */
  bias?: Tensor;
  activation?: Activation;
  /** A factor per row on the result, as stochastic depth draws one per sequence. */
  scale?: RowScale;
  /** Added at the end, shaped as the result. */
  residual?: Tensor;
  /** Only the first max(0, tensor[0] − subtract) rows count (u32); the others are undefined afterwards. */
  rowCount?: { tensor: Tensor; subtract?: number };
}

interface LinearAttributes {
  activation?: Activation;
  scaleOffset: number;
  subtract: number;
  /** The value before the activation is kept as a second output, for the gradient. */
  keepsPre: boolean;
  /** x is this activation of the last input. */
  activated?: Activation;
}

/** Which input of the op is the argument of the activation that x is. */
const ARGUMENT = 7;

/**
 * Inputs x, weight, bias, scale's table and sequence, residual, row count, and where x is an activation (`activated`) its
 * argument: the gradient then goes to that one, past the activation, in the epilogue of the product that makes it.
 */
export const linearOp: OpDefinition<LinearAttributes> = {
  name: 'linear',
  outputs: ([x, weight], { keepsPre }) => {
    const shape = [...x!.shape.slice(0, -1), weight!.shape[0]!];
    return keepsPre ? [{ shape }, { shape }] : [{ shape }];
  },

  gradient: ({ graph, inputs, outputs, attributes, gradientOf, wants, into, soFar, absorbed }) => {
    const [x, weight, bias, table, sequence, residual, count, argument] = inputs;
    const { activation, scaleOffset, subtract, activated } = attributes;
    const [dy, dPre] = [gradientOf(0), gradientOf(1)];
    if (!dy && !dPre) return [];
    const [rows, columns, depth] = [x!.rows, weight!.shape[0]!, weight!.columns];
    const [wantsWeight, wantsBias] = [wants(1), bias !== undefined && wants(2)];

    // Before the activation. Where there is none, the products themselves apply the scale.
    let d = dPre ?? dy!;
    const scale: [Tensor | undefined, Tensor | undefined] = activation ? [undefined, undefined] : [table, sequence];
    if (activation && dy && (wants(0) || wantsWeight || wantsBias)) {
      d = graph.one(activationGradientOp, [dy, outputs[1], table, sequence], { activation, scaleOffset });
      if (dPre) d = graph.one(addOp, [dPre, d], {});
    }

    let [dx, dArgument]: (Tensor | undefined)[] = [];
    if (wants(0)) {
      const target = activated ? ARGUMENT : 0;
      const before = into(target) ? undefined : soFar(target);
      if (before) absorbed(target);
      const gradient = graph.one(productOp, [d, weight, before, ...scale, count, undefined, undefined, argument], {
        ...{ kind: 'nn', m: rows, n: depth, k: columns, shape: x!.shape },
        ...{ scaleOffset, subtract, slope: activated },
      });
      if (activated) dArgument = gradient;
      else dx = gradient;
    }

    let [dWeight, dBias]: (Tensor | undefined)[] = [];
    if (wantsWeight || wantsBias) {
      const [weightSum, biasSum] = [into(1), wantsBias ? into(2) : undefined];
      const adds = wantsWeight && weightSum !== undefined && (!wantsBias || biasSum !== undefined);
      const targets = adds ? [weightSum, biasSum] : [];
      const values = graph.add(productOp, [d, x, undefined, ...scale, count, ...targets], {
        ...{ kind: 'tn', m: columns, n: depth, k: rows, shape: weight!.shape },
        ...{ scaleOffset, subtract, sums: wantsBias },
      });
      if (wantsWeight) dWeight = values[0];
      dBias = values[1];
    }
    return [dx, dWeight, dBias, undefined, undefined, residual && dy, undefined, dArgument];
  },

  lower: ({ inputs, outputs, attributes }, lowering) => {
    const [x, weight, bias, table, sequence, residual, count] = inputs;
    const { activation, scaleOffset, subtract } = attributes;
    return product(lowering, {
      kind: 'nt',
      m: x!.rows,
      n: weight!.shape[0]!,
      k: weight!.columns,
      a: { tensor: x! },
      b: { tensor: weight! },
      c: { tensor: outputs[0]! },
      epilogue: {
        bias,
        activation,
        pre: outputs[1],
        scale: table && { table, sequence: sequence!, offset: scaleOffset },
        residual,
      },
      rowCount: count && { tensor: count, subtract },
    });
  },
};

/** What x is the activation of, if it comes from a layer that does nothing after it and kept that value. */
function argumentOf(x: Tensor): { argument?: Tensor; activated?: Activation } {
  if (x.node?.op !== (linearOp as OpDefinition<unknown>)) return {};
  const { inputs, outputs, attributes } = x.node as GraphNode<LinearAttributes>;
  const [table, residual] = [inputs[3], inputs[5]];
  if (x !== outputs[0] || !outputs[1] || table || residual) return {};
  return { argument: outputs[1], activated: attributes.activation };
}

/**
 * y = residual + scale · act(x·Wᵀ + b).
 * @param x [..., K]
 * @param weight [N, K], as PyTorch stores it
 * @returns [..., N]
 */
export function linear(graph: Graph, x: Tensor, weight: Tensor, options: LinearOptions = {}): Tensor {
  const { bias, activation, scale, residual, rowCount } = options;
  const [n, k] = [weight.shape[0]!, weight.columns];
  if (x.columns !== k || weight.size !== n * k) throw new Error(`linear: x [${x.shape}] does not fit weight [${weight.shape}]`);
  if (bias && bias.size !== n) throw new Error(`linear: bias [${bias.shape}] does not fit weight [${weight.shape}]`);
  if (residual && residual.size !== x.rows * n) throw new Error(`linear: residual [${residual.shape}] is no [${x.rows}, ${n}]`);
  if (scale && scale.sequence.size < x.rows) throw new Error(`linear: a scale for ${scale.sequence.size} of ${x.rows} rows`);
  const learns = [x, weight, bias].some((t) => t?.requiresGradient);
  const { argument, activated } = argumentOf(x);
  return graph.add(linearOp, [x, weight, bias, scale?.table, scale?.sequence, residual, rowCount?.tensor, argument], {
    activation,
    scaleOffset: scale?.offset ?? 0,
    subtract: rowCount?.subtract ?? 0,
    keepsPre: activation !== undefined && learns,
    activated,
  })[0]!;
}

/** Inputs a [m, k] and b [k, n]. */
export const matmulOp: OpDefinition<object> = {
  name: 'matmul',
  outputs: ([a, b]) => [{ shape: [...a!.shape.slice(0, -1), b!.columns] }],
  gradient: ({ graph, inputs, gradientOf, wants, into, soFar, absorbed }) => {
    const [a, b] = [inputs[0]!, inputs[1]!];
    const dc = gradientOf(0);
    if (!dc) return [];
    const [m, k, n] = [a.rows, a.columns, b.columns];
    const side = (input: 0 | 1, left: Tensor, right: Tensor, sizes: { m: number; n: number; k: number }): Tensor | undefined => {
      if (!wants(input)) return undefined;
      const target = into(input);
      // One tensor on both sides gets two gradients from here, so neither may stand for the sum.
      const before = target || a === b ? undefined : soFar(input);
      if (before) absorbed(input);
      const attributes = { kind: input === 0 ? ('nt' as const) : ('tn' as const), ...sizes, shape: inputs[input]!.shape };
      return graph.add(productOp, [left, right, before, undefined, undefined, undefined, target], attributes)[0];
    };
    return [side(0, dc, b, { m, n: k, k: n }), side(1, a, dc, { m: k, n, k: m })];
  },
  lower: ({ inputs, outputs }, lowering) => {
    const [a, b] = [inputs[0]!, inputs[1]!];
    return product(lowering, {
      kind: 'nn',
      m: a.rows,
      n: b.columns,
      k: a.columns,
      a: { tensor: a },
      b: { tensor: b },
      c: { tensor: outputs[0]! },
    });
  },
};

/**
 * C = A·B.
 * @param a [..., k]
 * @param b [k, n]
 * @returns [..., n]
 */
export function matmul(graph: Graph, a: Tensor, b: Tensor): Tensor {
  if (b.rows !== a.columns) throw new Error(`matmul: [${a.shape}] does not fit [${b.shape}]`);
  return graph.one(matmulOp, [a, b], {});
}
