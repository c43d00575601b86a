/**
 * Kernels and dispatches: what an op's `lower` returns. A kernel is WGSL with a fixed frame: storage buffers at
 * bindings 0 …, then one uniform block `p` with the sizes. Sizes are uniforms, never shader text, so that the number
 * of distinct pipelines stays small; only the key's flags (variant, dtypes, head size, epilogue) make a new pipeline.
 */
import type { Gpu } from '../gpu';
import type { DType, Tensor } from './tensor';

export interface Kernel {
  /** Unique name: op, variant, flags. Equal keys must mean equal code. */
  key: string;
  /** `name: element type` of each storage buffer, in binding order: `['x: vec4f', 'y: f32', 'index: u32']`. */
  bindings: readonly string[];
  /** Names of the uniform block's members; u32 unless written `name: f32`. At most 64. */
  params: readonly string[];
  /** Workgroup size. */
  workgroup: readonly [number, number, number];
  /** WGSL extensions to enable: 'subgroups', 'f16'. */
  enables?: readonly string[];
  /** Declarations outside `main` (workgroup memory, functions). */
  declarations?: string;
  /**
   * Body of `main`, which has the builtins `global: vec3u` (global_invocation_id), `local: vec3u`,
   * `group: vec3u` (workgroup_id), `groups: vec3u` (num_workgroups), `lane: u32` (local_invocation_index).
   */
  main: string;
}

export type KernelText = Pick<Kernel, 'declarations' | 'main'>;

const texts = new Map<string, KernelText>();

/** The text of a kernel with this key, written once: a network has thousands of dispatches and a few dozen kernels. */
export function writtenOnce(key: string, write: () => KernelText): KernelText {
  let text = texts.get(key);
  if (!text) texts.set(key, (text = write()));
  return text;
}

export interface Dispatch {
  kernel: Kernel;
  /** One tensor per binding; undefined is not allowed: leave the binding out and make another key. */
  tensors: readonly Tensor[];
  /** One value per entry of the kernel's params. */
  params: Readonly<Record<string, number>>;
  workgroups: readonly [number, number, number];
  /** Floating-point operations, for utilisation and profiling. */
  flops?: number;
}

export interface Variant {
  name: string;
  /** False where the device lacks something it needs. */
  available?: boolean;
  /**
   * Which kind of device it is written for: it is measured there only ('none': never, it is a yardstick for tests).
   * Where no variant suits the device, all are measured.
   */
  suits?: 'software' | 'gpu' | 'none';
  build(): Dispatch[];
}

/** What an op sees of the device while it is lowered. */
export interface Lowering {
  gpu: Gpu;
  /** Memory that is needed only while this node runs. */
  scratch(shape: readonly number[], dtype?: DType): Tensor;
  /**
   * Chooses among variants of one kernel family for a shape class, by the device's measured table; the first
   * available one where nothing was measured.
   */
  choose(family: string, shapeClass: string, variants: readonly Variant[]): Dispatch[];
}

/** The whole WGSL text of a kernel. */
export function shaderText(kernel: Kernel): string {
  const lines: string[] = [];
  for (const name of kernel.enables ?? []) lines.push(`enable ${name};`);
  kernel.bindings.forEach((binding, i) => {
    const [name, type] = binding.split(':').map((part) => part.trim());
    lines.push(`@group(0) @binding(${i}) var<storage, read_write> ${name}: array<${type}>;`);
  });
  lines.push('struct Params {');
  const params = kernel.params.length > 0 ? kernel.params : ['unused'];
  for (const param of params) lines.push(param.includes(':') ? `  ${param},` : `  ${param}: u32,`);
  lines.push('}', `@group(0) @binding(${kernel.bindings.length}) var<uniform> p: Params;`);
  if (kernel.declarations) lines.push(kernel.declarations);
  lines.push(
    `@compute @workgroup_size(${kernel.workgroup.join(', ')})`,
    'fn main(@builtin(global_invocation_id) global: vec3u, @builtin(local_invocation_id) local: vec3u,',
    '  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,',
    '  @builtin(local_invocation_index) lane: u32) {',
    kernel.main,
    '}',
  );
  return lines.join('\n');
}

/** The uniform block's bytes (64 words at most). */
export function encodeParams(kernel: Kernel, params: Readonly<Record<string, number>>, out: DataView, offset: number): void {
  if (kernel.params.length > 64) throw new Error(`Kernel ${kernel.key} has more than 64 params`);
  kernel.params.forEach((param, i) => {
    const [name, type] = param.split(':').map((part) => part.trim());
    const value = params[name!];
    if (value === undefined) throw new Error(`Kernel ${kernel.key}: param ${name} is missing`);
    if (type === 'f32') out.setFloat32(offset + 4 * i, value, true);
    else if (type === 'i32') out.setInt32(offset + 4 * i, value, true);
    else out.setUint32(offset + 4 * i, value, true);
  });
}

/** Workgroups for `count` one-dimensional groups as x × y, since each dimension holds at most 65,535. */
export function spread(count: number): [number, number, number] {
  if (count <= 65535) return [Math.max(1, count), 1, 1];
  const y = Math.ceil(count / 65535);
  return [Math.ceil(count / y), y, 1];
}
/** WGSL: the linear workgroup index of a dispatch sized with `spread`. */
export const SPREAD_INDEX = '(group.y * groups.x + group.x)';
