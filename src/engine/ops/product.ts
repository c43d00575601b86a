/**
 * The matrix product C = op(A)·op(B) for use inside any op's `lower`, with an epilogue, in several forms from which the
 * device's measured table chooses.
 */
import type { Dispatch, Lowering, OpDefinition } from '../graph';
import type { Activation } from './activation';
import { framed, frameOf, INDEX, type ProductKind, type ProductOptions } from './product-frame';
import { lanes, lanesAvailable } from './product-lanes';
import { partsOf, tile, tileSplit } from './product-tile';

export type { Epilogue, Operand, ProductKind, ProductOptions } from './product-frame';

/** One thread per element of C. Runs everywhere, for every shape; the yardstick of the others. */
function naive(options: ProductOptions): Dispatch[] {
  const frame = frameOf(options, 1);
  const { kind, m, n, k, depthScale, sums } = options;
  const index = INDEX[kind];
  return [
    {
      kernel: framed(frame, 'naive', {
        workgroup: [8, 8, 1],
        write: () => ({
          main: `
  let row = global.y;
  let column = global.x;
  if (row >= rowLimit() || column >= p.n) { return; }
  let depth = depthLimit();
  var total = 0.0;
  ${sums ? 'var rowTotal = 0.0;' : ''}
  // Blocks of 32 summed apart: the rounding error grows with k / 32 instead of k.
  for (var first = 0u; first < depth; first += 32u) {
    var sum = 0.0;
    for (var i = first; i < min(first + 32u, depth); i++) {
      let value = a[${index.a('row', 'i')}]${depthScale ? ' * depthScale(i)' : ''};
      sum += value * ${frame.b}[${index.b('i', 'column')}];
      ${sums ? 'rowTotal += value;' : ''}
    }
    total += sum;
  }
  store(row, column, total);
  ${sums ? 'if (column == 0u) { storeSum(row, rowTotal); }' : ''}`,
        }),
      }),
      tensors: frame.tensors,
      params: frame.values,
      workgroups: [Math.ceil(n / 8), Math.ceil(m / 8), 1],
      flops: 2 * m * n * k,
    },
  ];
}

const powerOfTwo = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, n)));

/**
 * The dispatches of C[m, n] = op(A)·op(B) with the epilogue.
 * @throws if the options exclude each other (see `ProductOptions`)
 */
export function product(lowering: Lowering, options: ProductOptions): Dispatch[] {
  const { kind, m, n, k } = options;
  if (!(m >= 1 && n >= 1 && k >= 1)) throw new Error(`product: nothing to multiply (${m}, ${n}, ${k})`);
  // The axis that grows with the batch is m, or k in a weight's gradient.
  const shape = kind === 'tn' ? [m, n, powerOfTwo(k)] : [powerOfTwo(m), n, k];
  return lowering.choose(`product-${kind}`, shape.join(','), [
    {
      name: 'lanes',
      suits: 'software',
      available: lanesAvailable(lowering.gpu, options),
      build: () => lanes(lowering, options),
    },
    { name: 'tile-split', suits: 'gpu', available: partsOf(options, 16) > 1, build: () => tileSplit(lowering, options, 16) },
    { name: 'tile', suits: 'gpu', build: () => tile(lowering, options, 16) },
    { name: 'tile-small', suits: 'gpu', build: () => tile(lowering, options, 8) },
    { name: 'naive', suits: 'none', build: () => naive(options) },
  ]);
}

export interface ProductAttributes {
  kind: ProductKind;
  m: number;
  n: number;
  k: number;
  /** Of the output: m rows of n in any grouping. */
  shape: readonly number[];
  /** Where the scale's entries begin in its table. */
  scaleOffset?: number;
  /** Of the row count. */
  subtract?: number;
  /** tn: also the sums over k of A. */
  sums?: boolean;
  /** The product goes back through this activation, whose argument is an input. */
  slope?: Activation;
}

/**
 * The bare product as an op, for gradient rules. Inputs a, b, residual, table and sequence (a scale per row of the
 * output, or for tn per row of A), row count, where to add the product and the sums, and the argument of the activation
 * whose slope multiplies the product. Without the two targets it has the outputs product [shape] and sums [m].
 */
export const productOp: OpDefinition<ProductAttributes> = {
  name: 'product',
  outputs: ([, , , , , , into], { shape, m, sums }) => (into ? [] : [{ shape }, ...(sums ? [{ shape: [m] }] : [])]),
  lower: ({ inputs, outputs, attributes }, lowering) => {
    const [a, b, residual, table, sequence, count, into, sumsInto, slopeAt] = inputs;
    const { kind, m, n, k, scaleOffset = 0, subtract = 0, sums = false, slope } = attributes;
    const scale = table && { table, sequence: sequence!, offset: scaleOffset };
    return product(lowering, {
      kind,
      m,
      n,
      k,
      a: { tensor: a! },
      b: { tensor: b! },
      c: { tensor: into ?? outputs[0]! },
      accumulate: into !== undefined,
      epilogue: {
        residual,
        scale: kind === 'tn' ? undefined : scale,
        slope: slope && { activation: slope, at: slopeAt! },
      },
      depthScale: kind === 'tn' ? scale : undefined,
      sums: sums ? (into ? sumsInto : outputs[1]) : undefined,
      rowCount: count && { tensor: count, subtract },
    });
  },
};
