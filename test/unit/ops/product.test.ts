import { beforeAll, describe, expect, it } from 'vitest';
import type { Gpu } from '../../../src/engine/gpu';
import { compileGraph, download, Graph, upload, type OpDefinition, type Tensor } from '../../../src/engine/graph';
import { product, type ProductKind, type ProductOptions } from '../../../src/engine/ops/product';
import { normals } from '../../support/gradient-check';
import { normalDistribution } from '../../support/normal-distribution';
import { testGpu } from '../../support/gpu';

const VARIANTS = ['naive', 'lanes', 'tile', 'tile-small', 'tile-split'];

let gpu: Gpu;
beforeAll(async () => {
  gpu = await testGpu();
});

const gelu = (x: number): number => x * normalDistribution(x);
const geluSlope = (x: number): number => normalDistribution(x) + (x * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI);

interface Case {
  kind: ProductKind;
  m: number;
  n: number;
  k: number;
  accumulate?: boolean;
  bias?: boolean;
  activation?: 'gelu' | 'relu';
  pre?: boolean;
  scale?: boolean;
  slope?: 'gelu' | 'relu';
  residual?: boolean;
  depthScale?: boolean;
  sums?: boolean;
  rowCount?: number;
  /** Operands lie inside larger matrices. */
  strided?: boolean;
}

/** Runs one product with one variant and compares every output with f64 arithmetic. */
async function check(variant: string, x: Case): Promise<void> {
  const { kind, m, n, k } = x;
  const graph = new Graph();
  let seed = 1;
  const make = (name: string, shape: number[]): { tensor: Tensor; values: Float32Array } => {
    const tensor = graph.input(name, shape);
    const values = normals(tensor.size, seed++);
    upload(gpu, tensor, values);
    return { tensor, values };
  };
  const matrix = (name: string, rows: number, columns: number) => {
    const stride = columns + (x.strided ? 8 : 0);
    const offset = x.strided ? 4 : 0;
    const made = make(name, [rows, stride]);
    return { ...made, operand: { tensor: made.tensor, offset, stride }, at: (r: number, c: number) => offset + r * stride + c };
  };
  const a = kind === 'tn' ? matrix('a', k, m) : matrix('a', m, k);
  const b = kind === 'nt' ? matrix('b', n, k) : matrix('b', k, n);
  const c = matrix('c', m, n);
  const bias = x.bias ? make('bias', [n]) : undefined;
  const pre = x.pre ? make('pre', [m, n]) : undefined;
  const residual = x.residual ? make('residual', [m, n]) : undefined;
  const slope = x.slope ? make('slope', [m, n]) : undefined;
  const sums = x.sums ? make('sums', [m]) : undefined;
  const table = x.scale || x.depthScale ? make('table', [9]) : undefined;
  const sequence = graph.input('sequence', [x.depthScale ? k : m], 'u32');
  const rows = Uint32Array.from({ length: sequence.size }, (_, i) => (i * 5) % 7);
  upload(gpu, sequence, rows);
  const factor = table && { table: table.tensor, sequence, offset: 2 };
  const count = graph.input('count', [1], 'u32');
  const valid = x.rowCount ?? 0;
  upload(gpu, count, new Uint32Array([valid]));
  const options: ProductOptions = {
    kind,
    m,
    n,
    k,
    a: a.operand,
    b: b.operand,
    c: c.operand,
    accumulate: x.accumulate,
    epilogue: {
      bias: bias?.tensor,
      activation: x.activation,
      pre: pre?.tensor,
      residual: residual?.tensor,
      scale: x.scale ? factor : undefined,
      slope: x.slope && { activation: x.slope, at: slope!.tensor },
    },
    depthScale: x.depthScale ? factor : undefined,
    sums: sums?.tensor,
    rowCount: x.rowCount === undefined ? undefined : { tensor: count, subtract: 1 },
  };
  let asked = false;
  const op: OpDefinition<object> = {
    name: 'product',
    outputs: () => [],
    lower: (_, lowering) =>
      product(
        {
          ...lowering,
          choose: (family, shapeClass, variants) => {
            const found = variants.find((v) => v.name === variant && v.available !== false);
            asked = found !== undefined;
            return found ? found.build() : lowering.choose(family, shapeClass, variants);
          },
        },
        options,
      ),
  };
  graph.add(op, [], {});
  const plan = await compileGraph(gpu, graph);
  expect(asked, `${variant} is available for ${JSON.stringify(x)}`).toBe(true);
  plan.run();

  const bounded = x.rowCount === undefined ? Infinity : Math.max(0, valid - 1);
  const depth = kind === 'tn' ? Math.min(k, bounded) : k;
  const height = kind === 'tn' ? m : Math.min(m, bounded);
  const got = await download(gpu, c.tensor);
  const gotPre = pre && (await download(gpu, pre.tensor));
  const gotSums = sums && (await download(gpu, sums.tensor));
  let worst = 0;
  // Sums of k products of standard normal values are of size √k.
  const compare = (have: number, want: number): void => {
    const error = Math.abs(have - want) / Math.max(1, Math.abs(want), Math.sqrt(depth));
    worst = Math.max(worst, Number.isNaN(error) ? Infinity : error);
  };
  const touched = new Set<number>();
  for (let r = 0; r < height; r++) {
    let total = 0;
    for (let j = 0; j < n; j++) {
      let v = 0;
      for (let i = 0; i < depth; i++) {
        const left = kind === 'tn' ? a.values[a.at(i, r)]! : a.values[a.at(r, i)]!;
        const weighted = x.depthScale ? left * table!.values[2 + rows[i]!]! : left;
        if (j === 0) total += weighted;
        v += weighted * (kind === 'nt' ? b.values[b.at(j, i)]! : b.values[b.at(i, j)]!);
      }
      if (bias) v += bias.values[j]!;
      if (gotPre) compare(gotPre[r * n + j]!, v);
      if (x.activation === 'gelu') v = gelu(v);
      if (x.activation === 'relu') v = Math.max(0, v);
      if (x.scale) v *= table!.values[2 + rows[r]!]!;
      if (x.slope === 'gelu') v *= geluSlope(slope!.values[r * n + j]!);
      if (x.slope === 'relu') v *= slope!.values[r * n + j]! > 0 ? 1 : 0;
      if (residual) v += residual.values[r * n + j]!;
      if (x.accumulate) v += c.values[c.at(r, j)]!;
      compare(got[c.at(r, j)]!, v);
      touched.add(c.at(r, j));
    }
    if (gotSums) compare(gotSums[r]!, total + (x.accumulate ? sums.values[r]! : 0));
  }
  expect(worst, `${variant} ${JSON.stringify(x)}`).toBeLessThan(2e-6);
  // Nothing outside the matrix is written.
  if (x.rowCount === undefined) {
    for (let i = 0; i < got.length; i++) if (!touched.has(i)) expect(got[i]).toBe(c.values[i]);
  }
  plan.destroy();
}

const KINDS: ProductKind[] = ['nn', 'nt', 'tn'];

for (const variant of VARIANTS) {
  describe(`product, ${variant}`, () => {
    // What a form does not take: the lanes odd sizes, splitting a short k.
    const odd = variant !== 'lanes';
    const split = variant === 'tile-split';
    const depth = (k: number): number => (split ? 256 + k : k);
    for (const kind of KINDS) {
      const shapes = [
        ...(odd ? [[1, 1, 1], [7, 33, 5], [33, 7, 197], [197, 33, 1]] : []),
        [4, 4, 4],
        [20, 36, 100],
        [100, 20, 36],
        [kind === 'tn' ? 36 : 33, 68, 260],
        [4, 132, 196],
      ].map(([m, n, k]): [number, number, number] => [m!, n!, depth(k!)]);
      it(`${kind}: ${shapes.map((s) => s.join('·')).join(', ')}`, async () => {
        for (const [m, n, k] of shapes) await check(variant, { kind, m, n, k });
      });
      it(`${kind}: offsets and strides, accumulated`, async () => {
        await check(variant, { kind, m: 20, n: 36, k: depth(132), strided: true, accumulate: true });
      });
      it(`${kind}: a row count that is data`, async () => {
        for (const rowCount of [0, 1, 2, 18, 37, 1000]) {
          await check(variant, { kind, m: 36, n: 36, k: depth(36), rowCount });
        }
      });
      // The epilogue of all tile forms is one text: each kind once is enough.
      if (kind !== 'nn' && variant.startsWith('tile-')) continue;
      it(`${kind}: bias, activation, scale, residual`, async () => {
        const shape = odd ? { m: 33, n: 21, k: depth(50) } : { m: 36, n: 20, k: 52 };
        await check(variant, { kind, ...shape, bias: true });
        await check(variant, { kind, ...shape, bias: true, activation: 'gelu', pre: true });
        await check(variant, { kind, ...shape, activation: 'relu', scale: true, residual: true });
        await check(variant, { kind, ...shape, bias: true, activation: 'gelu', scale: true, residual: true, strided: true });
      });
    }
    it('nn: back through an activation', async () => {
      const shape = odd ? { m: 33, n: 21, k: depth(50) } : { m: 36, n: 20, k: 276 };
      await check(variant, { kind: 'nn', ...shape, slope: 'gelu' });
      await check(variant, { kind: 'nn', ...shape, slope: 'relu', scale: true, residual: true, strided: true });
      await check(variant, { kind: 'nn', ...shape, slope: 'gelu', scale: true, residual: true, rowCount: 18 });
    });
    it('tn: rows of A scaled and summed up', async () => {
      const n = odd ? 19 : 20;
      const k = depth(197);
      await check(variant, { kind: 'tn', m: 36, n, k, sums: true });
      await check(variant, { kind: 'tn', m: 36, n, k, sums: true, depthScale: true, accumulate: true });
      await check(variant, { kind: 'tn', m: 100, n, k, sums: true, depthScale: true, rowCount: 99 });
    });
  });
}

it('product: accumulating and an epilogue exclude each other', async () => {
  await expect(check('naive', { kind: 'nn', m: 4, n: 4, k: 4, accumulate: true, bias: true })).rejects.toThrow(/exclude/);
});

it('product: an activation and the slope of one exclude each other', async () => {
  const options: Case = { kind: 'nn', m: 4, n: 4, k: 4, activation: 'gelu', slope: 'gelu' };
  await expect(check('naive', options)).rejects.toThrow(/exclude/);
});
