/**
 * A plan: the graph lowered to dispatches, every tensor placed, every bind group made. Running it only encodes and
 * submits. Two phases: a `PlanLayout` needs no memory on the device (its figures are known before a run starts),
 * `Plan.compile` makes buffers and pipelines.
 */
import type { Gpu } from '../gpu';
import { placeLifetimes, type Placement } from './arena';
import { encodeParams, shaderText, type Dispatch, type Lowering, type Variant } from './kernel';
import { Allocation, bytesPerElement, Tensor, type DType, type Graph, type GraphNode } from './tensor';

/** Chosen variants by `family/shape class`. Written into a run, used again on resume: same variants, same bits. */
export type VariantTable = Map<string, string>;

/** A family and class that the table does not know, with the node it was met at: for the tuner. */
export interface OpenChoice {
  key: string;
  node: GraphNode;
  candidates: string[];
}

export interface Step {
  dispatch: Dispatch;
  node: GraphNode;
}

/** Lowers one node. Scratch tensors and undecided choices are collected. */
export function lowerNode(
  gpu: Gpu,
  node: GraphNode,
  table: ReadonlyMap<string, string>,
  open: Map<string, OpenChoice>,
): Step[] {
  let scratches = 0;
  const lowering: Lowering = {
    gpu,
    scratch: (shape, dtype: DType = 'f32') =>
      new Tensor(-1, shape, dtype, `${node.op.name}.scratch${scratches++}`),
    choose: (family, shapeClass, variants: readonly Variant[]) => {
      const possible = variants.filter((v) => v.available !== false);
      if (possible.length === 0) throw new Error(`${family}: no variant runs on this device`);
      const key = `${family}/${shapeClass}`;
      const kind = gpu.info.software ? 'software' : 'gpu';
      const suitable = possible.filter((v) => v.suits === undefined || v.suits === kind);
      const candidates = suitable.length > 0 ? suitable : possible;
      let chosen = possible.find((v) => v.name === table.get(key));
      if (!chosen) {
        if (candidates.length > 1 && !open.has(key)) {
          open.set(key, { key, node, candidates: candidates.map((v) => v.name) });
        }
        const near = nearest(table, family, shapeClass);
        chosen = candidates.find((v) => v.name === near) ?? candidates[0]!;
      }
      return chosen.build();
    },
  };
  return node.op.lower(node, lowering).map((dispatch) => ({ dispatch, node }));
}

/** The choice made for the nearest class of the family (classes are `a,b,c` of numbers), by distance of logarithms. */
function nearest(table: ReadonlyMap<string, string>, family: string, shapeClass: string): string | undefined {
  const numbers = (text: string): number[] => text.split(',').map((part) => Math.log2(1 + Number.parseFloat(part) || 1));
  const wanted = numbers(shapeClass);
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const [key, name] of table) {
    if (!key.startsWith(`${family}/`)) continue;
    const have = numbers(key.slice(family.length + 1));
    if (have.length !== wanted.length) continue;
    const distance = have.reduce((sum, x, i) => sum + (x - wanted[i]!) ** 2, 0);
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best;
}

interface Slot {
  tensor: Tensor;
  first: number;
  last: number;
}

/** A plan's shape: what will be dispatched, and where everything lies. */
export class PlanLayout {
  readonly steps: Step[] = [];
  /** Undecided kernel choices, for the tuner. */
  readonly open = new Map<string, OpenChoice>();
  readonly placements = new Map<Tensor, Placement>();
  readonly arenas: number[];
  /** Peak of live bytes: what a perfect placement would need. */
  readonly peakLiveBytes: number;
  /** Memory that outlives the plan (parameters, inputs …) and is used by it. */
  readonly allocations: Allocation[];
  /** Dispatch counts at which a submission may end. */
  readonly marks: number[] = [];

  constructor(gpu: Gpu, graph: Graph, table: ReadonlyMap<string, string>) {
    const marked = new Set(graph.marks);
    graph.nodes.forEach((node, i) => {
      if (marked.has(i) && this.steps.length > 0) this.marks.push(this.steps.length);
      this.steps.push(...lowerNode(gpu, node, table, this.open));
    });
    const slots = new Map<Tensor, Slot>();
    const allocations = new Set<Allocation>();
    this.steps.forEach(({ dispatch }, step) => {
      for (const tensor of dispatch.tensors) {
        const owner = tensor.base ?? tensor;
        if (owner.allocation) {
          allocations.add(owner.allocation);
          continue;
        }
        const slot = slots.get(owner);
        if (slot) slot.last = step;
        else slots.set(owner, { tensor: owner, first: step, last: step });
      }
    });
    const list = [...slots.values()];
    const alignment = Math.max(256, gpu.limits.minStorageBufferOffsetAlignment);
    const placed = placeLifetimes(
      list.map(({ tensor, first, last }) => ({ bytes: tensor.bytes, first, last })),
      alignment,
      gpu.limits.maxBufferSize,
    );
    list.forEach(({ tensor }, i) => this.placements.set(tensor, placed.placements[i]!));
    this.arenas = placed.arenas;
    this.peakLiveBytes = placed.peak;
    this.allocations = [...allocations];
    this.checkLimits(gpu);
  }

  get arenaBytes(): number {
    return this.arenas.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Floating-point operations of all dispatches that state theirs. */
  get flops(): number {
    return this.steps.reduce((sum, { dispatch }) => sum + (dispatch.flops ?? 0), 0);
  }

  private checkLimits(gpu: Gpu): void {
    const most = gpu.limits.maxStorageBufferBindingSize;
    for (const { dispatch, node } of this.steps) {
      for (const tensor of dispatch.tensors) {
        if (tensor.bytes > most) {
          throw new BindingTooLargeError(node.op.name, tensor.name, tensor.bytes, most);
        }
      }
    }
  }
}

/** A tensor does not fit the device's binding limit: the micro-batch has to be smaller. */
export class BindingTooLargeError extends Error {
  constructor(op: string, tensor: string, bytes: number, limit: number) {
    super(`${op}: ${tensor} has ${bytes} bytes, one binding of this device holds ${limit}.`);
    this.name = 'BindingTooLargeError';
  }
}

/** One dispatch, ready to encode. */
export interface Command {
  pipeline: GPUComputePipeline;
  group: GPUBindGroup;
  workgroups: readonly [number, number, number];
}

export class Plan {
  private constructor(
    readonly gpu: Gpu,
    readonly layout: PlanLayout,
    private readonly arenas: GPUBuffer[],
    private readonly uniforms: GPUBuffer,
    private readonly commands: Command[],
    private readonly range: (tensor: Tensor) => GPUBufferBinding,
  ) {}

  /** Makes buffers, pipelines and bind groups. `progress` is told how many of how many pipelines are ready. */
  static async compile(
    gpu: Gpu,
    layout: PlanLayout,
    options: { label?: string; progress?: (done: number, total: number) => void } = {},
  ): Promise<Plan> {
    const label = options.label ?? 'plan';
    const made: GPUBuffer[] = [];
    try {
      return await Plan.build(gpu, layout, label, made, options.progress);
    } catch (error) {
      for (const buffer of made) buffer.destroy();
      throw error;
    }
  }

  /** @param made receives the plan's own buffers as they come to be */
  private static async build(
    gpu: Gpu,
    layout: PlanLayout,
    label: string,
    made: GPUBuffer[],
    progress?: (done: number, total: number) => void,
  ): Promise<Plan> {
    const arenas = layout.arenas.map((bytes, i) => gpu.createBuffer(bytes, `${label}.arena${i}`));
    made.push(...arenas);
    for (const allocation of layout.allocations) {
      allocation.buffer ??= gpu.createBuffer(allocation.bytes, allocation.label);
    }
    const stride = 256;
    const block = new DataView(new ArrayBuffer(Math.max(1, layout.steps.length) * stride));
    layout.steps.forEach(({ dispatch }, i) => encodeParams(dispatch.kernel, dispatch.params, block, i * stride));
    const uniforms = gpu.createBuffer(
      block.byteLength,
      `${label}.params`,
      GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    );
    made.push(uniforms);
    gpu.device.queue.writeBuffer(uniforms, 0, block.buffer);

    const distinct = new Map(layout.steps.map(({ dispatch }) => [dispatch.kernel.key, dispatch.kernel]));
    let done = 0;
    const pipelines = new Map<string, GPUComputePipeline>();
    const making = [...distinct.values()].map(async (kernel) => {
      const pipeline = await gpu.pipeline(kernel.key, kernel.bindings.length, () => shaderText(kernel));
      pipelines.set(kernel.key, pipeline);
      progress?.(++done, distinct.size);
    });
    await gpu.wait(Promise.all(making));

    const range = (tensor: Tensor): GPUBufferBinding => {
      const owner = tensor.base ?? tensor;
      const within = tensor.base ? tensor.byteOffset : 0;
      const size = Math.max(16, Math.ceil(tensor.bytes / 16) * 16);
      if (owner.allocation) {
        const offset = owner.byteOffset + within;
        return { buffer: owner.allocation.buffer!, offset, size: Math.min(size, owner.allocation.buffer!.size - offset) };
      }
      const { arena, offset } = layout.placements.get(owner)!;
      return { buffer: arenas[arena]!, offset: offset + within, size };
    };
    const commands = layout.steps.map(({ dispatch }, i): Command => {
      const entries: GPUBindGroupEntry[] = dispatch.tensors.map((tensor, binding) => ({ binding, resource: range(tensor) }));
      entries.push({
        binding: dispatch.tensors.length,
        resource: { buffer: uniforms, offset: i * stride, size: stride },
      });
      return {
        pipeline: pipelines.get(dispatch.kernel.key)!,
        group: gpu.device.createBindGroup({ layout: gpu.layout(dispatch.tensors.length).group, entries }),
        workgroups: dispatch.workgroups,
      };
    });
    gpu.check();
    return new Plan(gpu, layout, arenas, uniforms, commands, range);
  }

  /** Encodes dispatches `from` … `to` − 1 into one compute pass. */
  encode(encoder: GPUCommandEncoder, from = 0, to = this.commands.length): void {
    const pass = encoder.beginComputePass();
    let pipeline: GPUComputePipeline | undefined;
    for (let i = from; i < to; i++) {
      const command = this.commands[i]!;
      if (command.pipeline !== pipeline) pass.setPipeline((pipeline = command.pipeline));
      pass.setBindGroup(0, command.group);
      pass.dispatchWorkgroups(...command.workgroups);
    }
    pass.end();
  }

  /** The dispatches in about `count` runs of like length that end at block boundaries: what may be submitted apart. */
  pieces(count: number): [number, number][] {
    const { marks } = this.layout;
    const pieces: [number, number][] = [];
    let from = 0;
    for (const mark of marks) {
      if (mark - from >= this.dispatches / count && mark < this.dispatches) {
        pieces.push([from, mark]);
        from = mark;
      }
    }
    pieces.push([from, this.dispatches]);
    return pieces;
  }

  /** Encodes and submits the whole plan as one submission. Does not wait. */
  run(): void {
    const encoder = this.gpu.device.createCommandEncoder();
    this.encode(encoder);
    this.gpu.device.queue.submit([encoder.finish()]);
  }

  /**
   * Runs the plan node by node and gives the first f32 tensor that a node made non-finite: which node, which output
   * and element. Slow: for a diagnosis after training has halted.
   */
  async firstNonFinite(): Promise<{ op: string; tensor: string; element: number; value: number } | undefined> {
    const { steps } = this.layout;
    for (let i = 0; i < steps.length; i++) {
      const encoder = this.gpu.device.createCommandEncoder();
      this.encode(encoder, i, i + 1);
      this.gpu.device.queue.submit([encoder.finish()]);
      const { node } = steps[i]!;
      if (steps[i + 1]?.node === node) continue;
      // Parameters first: one that is not finite itself is to be named. In-place results are among the inputs too.
      const looked = new Set([...node.inputs.filter((t) => t && (t.base ?? t).allocation), ...node.outputs]);
      for (const tensor of looked) {
        if (!tensor || tensor.dtype !== 'f32' || !steps[i]!.dispatch.tensors.includes(tensor)) continue;
        const { buffer, offset } = this.range(tensor);
        const values = new Float32Array(await this.gpu.read(buffer, offset ?? 0, tensor.size * 4));
        const element = values.findIndex((v) => !Number.isFinite(v));
        if (element >= 0) return { op: node.op.name, tensor: nameOf(tensor, node), element, value: values[element]! };
      }
    }
    return undefined;
  }

  get dispatches(): number {
    return this.commands.length;
  }

  destroy(): void {
    for (const buffer of this.arenas) buffer.destroy();
    this.uniforms.destroy();
  }
}

/** A parameter's name where a node has one, since values have none that says anything. */
function nameOf(tensor: Tensor, node: GraphNode): string {
  const parameter = node.inputs.find((t) => t && (t.base ?? t).allocation && t.dtype === 'f32' && t !== tensor);
  return parameter && !(tensor.base ?? tensor).allocation ? `${tensor.name} (with ${parameter.name})` : tensor.name;
}

/** Lays out and compiles in one go. */
export async function compileGraph(
  gpu: Gpu,
  graph: Graph,
  table: ReadonlyMap<string, string> = new Map(),
  label?: string,
): Promise<Plan> {
  return Plan.compile(gpu, new PlanLayout(gpu, graph, table), { label });
}

const bufferOf = (gpu: Gpu, tensor: Tensor): { buffer: GPUBuffer; offset: number } => {
  const owner = tensor.base ?? tensor;
  if (!owner.allocation) throw new Error(`${tensor.name} has no memory of its own (graph.keep it)`);
  owner.allocation.buffer ??= gpu.createBuffer(owner.allocation.bytes, owner.allocation.label);
  return { buffer: owner.allocation.buffer, offset: owner.byteOffset + (tensor.base ? tensor.byteOffset : 0) };
};

/** Writes an input or state tensor. The write is ordered with submissions: work submitted before sees the old values. */
export function upload(gpu: Gpu, tensor: Tensor, data: Float32Array | Uint32Array | Uint16Array | Int32Array): void {
  if (data.length > tensor.size) throw new Error(`${tensor.name}: ${data.length} values for ${tensor.size}`);
  const { buffer, offset } = bufferOf(gpu, tensor);
  gpu.device.queue.writeBuffer(buffer, offset, data.buffer, data.byteOffset, data.byteLength);
}

/** Reads an input, state or kept tensor. */
export async function download(gpu: Gpu, tensor: Tensor): Promise<Float32Array> {
  const { buffer, offset } = bufferOf(gpu, tensor);
  const bytes = await gpu.read(buffer, offset, Math.ceil((tensor.size * bytesPerElement(tensor.dtype)) / 4) * 4);
  return new Float32Array(bytes);
}

export async function downloadU32(gpu: Gpu, tensor: Tensor): Promise<Uint32Array> {
  return new Uint32Array((await download(gpu, tensor)).buffer as ArrayBuffer);
}
