import { describe, expect, it } from 'vitest';
import { addGradients, Allocation, compileGraph, download, Graph, upload } from '../../../src/engine/graph';
import { linear, linearOp, matmulOp } from '../../../src/engine/ops/linear';
import { checkOp, checkTrace, normals, type CheckInput } from '../../support/gradient-check';
import { testGpu } from '../../support/gpu';
import { normalDistribution } from '../../support/normal-distribution';

interface Setting {
  rows: number;
  n: number;
  k: number;
  bias?: boolean;
  activation?: 'gelu' | 'relu';
  scale?: boolean;
  residual?: boolean;
  parameters?: boolean;
  table?: Map<string, string>;
}

async function check({ rows, n, k, bias, activation, scale, residual, parameters, table }: Setting): Promise<void> {
  const role = parameters ? 'parameter' : 'gradient';
  const sequence = Uint32Array.from({ length: rows }, (_, i) => (i * 3) % 5);
  const inputs: (CheckInput | undefined)[] = [
    { name: 'x', shape: [rows, k] },
    // Scaled so that the activation meets values of the size it meets in a network.
    { name: 'weight', shape: [n, k], role, values: normals(n * k, 7, 1.5 / Math.sqrt(k)) },
    bias ? { name: 'bias', shape: [n], role } : undefined,
    scale ? { name: 'table', shape: [7], role: 'constant' } : undefined,
    scale ? { name: 'sequence', shape: [rows], values: sequence } : undefined,
    residual ? { name: 'residual', shape: [rows, n] } : undefined,
  ];
  await checkOp({
    op: linearOp,
    attributes: { activation, scaleOffset: 2, subtract: 0, keepsPre: activation !== undefined },
    inputs,
    differentiated: [0],
    absolute: 2e-6,
    relative: 2e-6,
    gradientTolerance: 1e-5,
    table,
    reference: ([x, w, b, factors, , r]) => {
      const y = new Float64Array(rows * n);
      const pre = new Float64Array(rows * n);
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < n; j++) {
          let v = bias ? b![j]! : 0;
          for (let l = 0; l < k; l++) v += x![i * k + l]! * w![j * k + l]!;
          pre[i * n + j] = v;
          if (activation === 'gelu') v *= normalDistribution(v);
          if (activation === 'relu') v = Math.max(0, v);
          if (scale) v *= factors![2 + sequence[i]!]!;
          y[i * n + j] = v + (residual ? r![i * n + j]! : 0);
        }
      }
      return activation ? [y, pre] : [y];
    },
  });
}

/** The three products of one layer, all in one variant. */
const forced = (variant: string, { rows, n, k }: Setting): Map<string, string> => {
  const round = 2 ** Math.ceil(Math.log2(rows));
  return new Map([
    [`product-nt/${round},${n},${k}`, variant],
    [`product-nn/${round},${k},${n}`, variant],
    [`product-tn/${n},${k},${round}`, variant],
  ]);
};

describe('linear: value and gradients against f64', () => {
  for (const variant of ['naive', 'lanes']) {
    const shapes = [{ rows: 33, n: 20, k: 36 }, { rows: 197, n: 4, k: 12 }, { rows: 7, n: 100, k: 8 }];
    if (variant !== 'lanes') shapes.push({ rows: 1, n: 1, k: 1 }, { rows: 33, n: 7, k: 5 });
    for (const shape of shapes) {
      it(`${variant}: ${shape.rows} rows, ${shape.k} to ${shape.n}`, async () => {
        const table = forced(variant, shape);
        await check({ ...shape, table });
        await check({ ...shape, table, bias: true, parameters: true });
        await check({ ...shape, table, bias: true, activation: 'gelu', parameters: true });
      });
    }
    it(`${variant}: everything at once`, async () => {
      const shape = { rows: 33, n: 20, k: 36 };
      const table = forced(variant, shape);
      await check({ ...shape, table, bias: true, scale: true, residual: true, parameters: true });
      await check({ ...shape, table, bias: true, scale: true, residual: true });
      await check({ ...shape, table, bias: true, activation: 'gelu', scale: true, residual: true, parameters: true });
      await check({ ...shape, table, activation: 'relu', scale: true });
    });
  }
});

interface Layers {
  rows: number;
  /** Columns in, in between, out. */
  sizes: readonly [number, number, number];
  activation: 'gelu' | 'relu';
  /** Both layers' gradients are computed by this form. */
  variant: string;
  /** A factor per row, and something added, after the second layer. */
  followed?: boolean;
  /** The hidden values are used once more, by a third layer, and are an output themselves. */
  shared?: boolean;
}

/** Two layers with an activation between them, whose gradient the second layer's product applies. */
async function checkLayers({ rows, sizes, activation, variant, followed, shared }: Layers): Promise<string[]> {
  const [k, hidden, n] = sizes;
  const weight = (name: string, shape: [number, number], seed: number): CheckInput => {
    const values = normals(shape[0] * shape[1], seed, 1.5 / Math.sqrt(shape[1]));
    return { name, shape, role: 'parameter', values };
  };
  const sequence = Uint32Array.from({ length: rows }, (_, i) => (i * 3) % 5);
  const apply = (x: ArrayLike<number>, w: ArrayLike<number>, [into, out]: [number, number]): Float64Array => {
    const y = new Float64Array(rows * out);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < out; j++) for (let l = 0; l < into; l++) y[i * out + j]! += x[i * into + l]! * w[j * into + l]!;
    }
    return y;
  };
  return checkTrace({
    name: `two layers of ${variant}`,
    inputs: [
      { name: 'x', shape: [rows, k] },
      weight('first', [hidden, k], 7),
      { name: 'bias', shape: [hidden], role: 'parameter' },
      weight('second', [n, hidden], 8),
      weight('third', [n, hidden], 9),
      { name: 'table', shape: [7], role: 'constant' },
      { name: 'sequence', shape: [rows], values: sequence },
      { name: 'residual', shape: [rows, n], role: followed ? 'gradient' : 'constant' },
    ].filter(({ name }) => shared || name !== 'third') as CheckInput[],
    trace: (graph, inputs) => {
      const [x, first, bias, second] = inputs;
      const [table, map, residual] = inputs.slice(-3);
      const h = linear(graph, x!, first!, { bias, activation });
      const scale = followed ? { table: table!, sequence: map!, offset: 2 } : undefined;
      const y = linear(graph, h, second!, { scale, residual: followed ? residual : undefined });
      return shared ? [y, linear(graph, h, inputs[4]!), h] : [y];
    },
    differentiated: shared ? [0, 1, 2] : [0],
    reference: (inputs) => {
      const [x, first, bias, second] = inputs;
      const [factors, , residual] = inputs.slice(-3);
      const h = apply(x!, first!, [k, hidden]).map((v, i) => {
        const at = v + bias![i % hidden]!;
        return activation === 'gelu' ? at * normalDistribution(at) : Math.max(0, at);
      });
      const y = apply(h, second!, [hidden, n]).map((v, i) => {
        return followed ? v * factors![2 + sequence[Math.floor(i / n)]!]! + residual![i]! : v;
      });
      return shared ? [y, apply(h, inputs[4]!, [hidden, n]), h] : [y];
    },
    absolute: 5e-6,
    relative: 5e-6,
    gradientTolerance: 1e-5,
    table: new Map([...forced(variant, { rows, n: hidden, k }), ...forced(variant, { rows, n, k: hidden })]),
  });
}

describe('two layers: the gradient of the activation between them is part of a product', () => {
  // How the kernel that stores the product is called in each form.
  const forms = { naive: 'naive', lanes: 'lanes', tile: 'tile64', 'tile-small': 'tile32', 'tile-split': 'parts' };
  for (const [variant, kernel] of Object.entries(forms)) {
    const lanes = variant === 'lanes';
    // k is split among workgroups where it is long enough.
    const n = variant === 'tile-split' ? 263 : lanes ? 20 : 13;
    const shapes: [number, [number, number, number]][] = lanes
      ? [[33, [12, 36, n]], [197, [4, 8, 132]], [1, [8, 4, 4]]]
      : [[33, [5, 37, n]], [1, [7, 1, n]], [197, [3, 7, n]]];
    for (const [rows, sizes] of shapes) {
      it(`${variant}: ${rows} rows, ${sizes.join(' to ')}`, async () => {
        for (const rest of [{}, { followed: true }, { followed: true, shared: true }]) {
          const ran = await checkLayers({ rows, sizes, activation: 'gelu', variant, ...rest });
          const slopes = ran.filter((key) => key.includes('gelu-slope'));
          expect(slopes.length).toBe('shared' in rest ? 2 : 1);
          for (const key of slopes) expect(key).toMatch(new RegExp(`^product/${kernel}`));
          expect(ran.some((key) => key.startsWith('activation-gradient'))).toBe('shared' in rest);
        }
        if (rows === 33) await checkLayers({ rows, sizes, activation: 'relu', variant });
      });
    }
  }

  it('what follows the activation keeps it apart: a factor per row, something added', () => {
    const graph = new Graph();
    const x = graph.input('x', [6, 8]);
    x.requiresGradient = true;
    const [w, table, sequence] = [graph.input('w', [8, 8]), graph.input('table', [6]), graph.input('sequence', [6], 'u32')];
    for (const rest of [{ residual: x }, { scale: { table, sequence, offset: 0 } }]) {
      const h = linear(graph, x, w, { activation: 'gelu', ...rest });
      const before = graph.nodes.length;
      addGradients(graph, [[linear(graph, h, w), graph.input('dy', [6, 8])]]);
      expect(graph.nodes.slice(before).map((node) => node.op.name)).toContain('activation-gradient');
    }
  });
});

it('matmul: value and gradients', async () => {
  const times = (m: number, k: number, n: number) => ([a, b]: (Float64Array | Uint32Array)[]): Float64Array[] => {
    const c = new Float64Array(m * n);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) for (let l = 0; l < k; l++) c[i * n + j]! += a![i * k + l]! * b![l * n + j]!;
    }
    return [c];
  };
  for (const [m, k, n] of [[7, 33, 5], [36, 20, 100]] as const) {
    for (const role of ['gradient', 'parameter'] as const) {
      const inputs: CheckInput[] = [{ name: 'a', shape: [m, k] }, { name: 'b', shape: [k, n], role }];
      await checkOp({ op: matmulOp, attributes: {}, inputs, reference: times(m, k, n), gradientTolerance: 1e-4 });
    }
  }
  await checkOp({
    op: matmulOp,
    attributes: {},
    inputs: [{ name: 'a', shape: [1, 36], role: 'constant' }, { name: 'b', shape: [36, 20] }],
    reference: times(1, 36, 20),
  });
});

describe('linear in a graph', () => {
  const parameter = (graph: Graph, name: string, shape: number[]) => {
    const tensor = graph.input(name, shape);
    tensor.requiresGradient = true;
    tensor.gradient = graph.state(`${name}.gradient`, shape, new Allocation(name, tensor.bytes));
    return tensor;
  };

  it('a layer takes one dispatch group forward and two backward, its input gradient included', () => {
    const graph = new Graph();
    const x = graph.input('x', [2, 9, 8]);
    x.requiresGradient = true;
    const y = linear(graph, x, parameter(graph, 'weight', [12, 8]), { bias: parameter(graph, 'bias', [12]), residual: undefined });
    expect(y.shape).toEqual([2, 9, 12]);
    expect(graph.nodes.length).toBe(1);
    addGradients(graph, [[y, graph.input('dy', y.shape)]]);
    expect(graph.nodes.map((node) => node.op.name)).toEqual(['linear', 'product', 'product']);
  });

  it('GELU is the exact one, to f32 accuracy, from −12 to 12', async () => {
    const gpu = await testGpu();
    const graph = new Graph();
    const [x, one] = [graph.input('x', [4801, 1]), graph.input('one', [1, 1])];
    const values = Float32Array.from({ length: 4801 }, (_, i) => (i - 2400) / 200);
    upload(gpu, x, values);
    upload(gpu, one, new Float32Array([1]));
    const y = graph.keep(linear(graph, x, one, { activation: 'gelu' }));
    const plan = await compileGraph(gpu, graph, forced('naive', { rows: 4801, n: 1, k: 1 }));
    plan.run();
    const got = await download(gpu, y);
    const errors = values.map((v, i) => Math.abs(got[i]! - v * normalDistribution(v)) / Math.max(1, Math.abs(v)));
    expect(Math.max(...errors)).toBeLessThan(2e-7);
    plan.destroy();
  });

  it('a row count that is data bounds the gradients of the weight and the bias', async () => {
    const gpu = await testGpu();
    const [capacity, n, k] = [20, 8, 12];
    const run = async (rows: number, counted: boolean): Promise<Float32Array[]> => {
      const graph = new Graph();
      const x = graph.input('x', [rows, k]);
      x.requiresGradient = true;
      const [weight, bias] = [graph.input('weight', [n, k]), graph.input('bias', [n])];
      weight.requiresGradient = bias.requiresGradient = true;
      const count = graph.input('count', [1], 'u32');
      upload(gpu, count, new Uint32Array([7 + 3]));
      upload(gpu, x, normals(capacity * k, 1).slice(0, rows * k));
      upload(gpu, weight, normals(weight.size, 2));
      upload(gpu, bias, normals(n, 3));
      const rowCount = counted ? { tensor: count, subtract: 3 } : undefined;
      const y = linear(graph, x, weight, { bias, activation: 'gelu', rowCount });
      const dy = graph.input('dy', y.shape);
      upload(gpu, dy, normals(capacity * n, 4).slice(0, rows * n));
      const gradients = addGradients(graph, [[y, dy]]);
      const kept = [x, weight, bias].map((t) => graph.keep(gradients.get(t)!));
      const plan = await compileGraph(gpu, graph);
      plan.run();
      const got = await Promise.all(kept.map((t) => download(gpu, t)));
      plan.destroy();
      return got;
    };
    const [whole, part] = [await run(7, false), await run(capacity, true)];
    whole.forEach((gradient, i) => gradient.forEach((v, j) => expect(part[i]![j]).toBeCloseTo(v, 5)));
  });

  it('keeps no pre-activation where nothing learns', () => {
    const graph = new Graph();
    const y = linear(graph, graph.input('x', [3, 8]), graph.input('w', [4, 8]), { activation: 'gelu' });
    expect(y.node!.outputs.length).toBe(1);
  });

  it('says which shapes do not fit', () => {
    const graph = new Graph();
    expect(() => linear(graph, graph.input('x', [3, 8]), graph.input('w', [4, 9]))).toThrow(/does not fit weight/);
  });
});
