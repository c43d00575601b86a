/**
 * Checks an op on the device: its values against a reference in f64 on the CPU, and its gradient against central finite
 * differences of that reference along random directions.
 */
import { expect } from 'vitest';
import {
  addGradients,
  compileGraph,
  download,
  Graph,
  Allocation,
  upload,
  type OpDefinition,
  type Tensor,
} from '../../src/engine/graph';
import { Purpose, Random } from '../../src/engine/random';
import { testGpu } from './gpu';

export interface CheckInput {
  name: string;
  shape: number[];
  /** Values; default: standard normal. */
  values?: Float32Array | Uint32Array;
  /** 'gradient': differentiated as a plain value; 'parameter': its gradient is added into a tensor; 'constant'. */
  role?: 'gradient' | 'parameter' | 'constant';
}

export interface TraceOptions {
  name: string;
  /** Adds what is checked to the graph and gives its outputs. */
  trace(graph: Graph, inputs: (Tensor | undefined)[]): Tensor[];
  /** False: values only. */
  differentiable?: boolean;
  inputs: (CheckInput | undefined)[];
  /** All outputs in f64 from the inputs in f64 (u32 inputs as they are). */
  reference(inputs: (Float64Array | Uint32Array)[]): Float64Array[];
  /** Which outputs the loss depends on (default: the first only). */
  differentiated?: number[];
  /** |got − want| ≤ absolute + relative × |want| for outputs. */
  absolute?: number;
  relative?: number;
  /** Relative error of directional derivatives, to the larger of the two sides' magnitude. */
  gradientTolerance?: number;
  /** Outputs to compare by value (default all). */
  compared?: number[];
  directions?: number;
  table?: Map<string, string>;
}

export interface CheckOptions<A> extends Omit<TraceOptions, 'name' | 'trace' | 'differentiable'> {
  op: OpDefinition<A>;
  attributes: A;
}

export function normals(size: number, seed: number, scale = 1): Float32Array {
  const random = new Random(seed, Purpose.test);
  return Float32Array.from({ length: size }, () => random.normal() * scale);
}

export async function checkOp<A>({ op, attributes, ...rest }: CheckOptions<A>): Promise<void> {
  const trace = (graph: Graph, inputs: (Tensor | undefined)[]): Tensor[] => graph.add(op, inputs, attributes);
  await checkTrace({ ...rest, name: op.name, trace, differentiable: op.gradient !== undefined });
}

/** As `checkOp`, for several ops together. Returns the keys of the kernels that ran. */
export async function checkTrace(options: TraceOptions): Promise<string[]> {
  const { name, reference, absolute = 1e-5, relative = 1e-4, gradientTolerance = 2e-3, differentiable = true } = options;
  const gpu = await testGpu();
  const graph = new Graph();
  const values = options.inputs.map((input, i) => {
    const size = input ? input.shape.reduce((a, b) => a * b, 1) : 0;
    return input?.values ?? normals(size, 100 + i);
  });
  const tensors = options.inputs.map((input, i): Tensor | undefined => {
    if (!input) return undefined;
    const dtype = values[i] instanceof Uint32Array ? 'u32' : 'f32';
    const tensor = graph.input(input.name, input.shape, dtype);
    const role = input.role ?? (dtype === 'u32' ? 'constant' : 'gradient');
    tensor.requiresGradient = role !== 'constant';
    if (role === 'parameter') {
      tensor.gradient = graph.state(`${input.name}.gradient`, input.shape, new Allocation(`${input.name}.gradient`, tensor.bytes));
    }
    return tensor;
  });
  const outputs = options.trace(graph, tensors);
  const used = options.differentiated ?? [0];
  const wanted = tensors.some((t) => t?.requiresGradient) && differentiable;
  const weights = used.map((i) => normals(outputs[i]!.size, 900 + i));
  const seeds = used.map((i, j): [Tensor, Tensor] => {
    const seed = graph.input(`seed${i}`, outputs[i]!.shape);
    upload(gpu, seed, weights[j]!);
    return [outputs[i]!, seed];
  });
  for (const output of outputs) graph.keep(output);
  const gradients = wanted ? addGradients(graph, seeds) : new Map<Tensor, Tensor>();
  for (const gradient of gradients.values()) graph.keep(gradient);
  const before = tensors.map((t) => (t?.gradient ? normals(t.size, 700 + t.id) : undefined));
  tensors.forEach((tensor, i) => {
    if (!tensor) return;
    upload(gpu, tensor, values[i] as Float32Array);
    if (tensor.gradient) upload(gpu, tensor.gradient, before[i]!);
  });
  const plan = await compileGraph(gpu, graph, options.table, name);
  plan.run();

  const wide = values.map((v) => (v instanceof Uint32Array ? v : Float64Array.from(v)));
  const expected = reference(wide);
  for (const i of options.compared ?? outputs.map((_, j) => j)) {
    const got = await download(gpu, outputs[i]!);
    const want = expected[i]!;
    let worst = -Infinity;
    let at = 0;
    for (let j = 0; j < want.length; j++) {
      const excess = Math.abs(got[j]! - want[j]!) - relative * Math.abs(want[j]!);
      if (!(excess <= worst)) [worst, at] = [excess, j];
    }
    expect(worst, `${name}: output ${i} at ${at}: got ${got[at]}, want ${want[at]}`).toBeLessThanOrEqual(absolute);
  }
  const kernels = plan.layout.steps.map(({ dispatch }) => dispatch.kernel.key);
  if (!wanted) return kernels;

  const loss = (at: (Float64Array | Uint32Array)[]): number => {
    const y = reference(at);
    return used.reduce((sum, i, j) => sum + y[i]!.reduce((s, v, n) => s + v * weights[j]![n]!, 0), 0);
  };
  for (const [i, tensor] of tensors.entries()) {
    if (!tensor?.requiresGradient) continue;
    let got: Float32Array;
    if (tensor.gradient) {
      got = (await download(gpu, tensor.gradient)).map((v, j) => v - before[i]![j]!);
    } else {
      const gradient = gradients.get(tensor);
      expect(gradient, `${name}: no gradient for ${tensor.name}`).toBeDefined();
      got = await download(gpu, gradient!);
    }
    expect(got.every(Number.isFinite), `${name}: gradient of ${tensor.name} is finite`).toBe(true);
    for (let d = 0; d < (options.directions ?? 3); d++) {
      const direction = normals(tensor.size, 500 + 10 * i + d);
      const step = 1e-5;
      const moved = (sign: number): number =>
        loss(wide.map((v, j) => (j === i ? Float64Array.from(v, (x, n) => x + sign * step * direction[n]!) : v)));
      const want = (moved(1) - moved(-1)) / (2 * step);
      const have = got.reduce((sum, g, n) => sum + g * direction[n]!, 0);
      const norm = Math.sqrt(got.reduce((s, g) => s + g * g, 0)) + 1e-6;
      const error = Math.abs(have - want) / Math.max(norm, Math.abs(want));
      expect(error, `${name}: d/d${tensor.name}, direction ${d}: got ${have}, want ${want}`).toBeLessThan(gradientTolerance);
    }
  }
  plan.destroy();
  return kernels;
}
