/**
 * Symbolic tensors and the graph that traces them. Shapes are static; a row count that varies from step to step is
 * data (a one-element u32 tensor that kernels read). Nodes run in the order in which they were traced, so an op may
 * update a tensor in place (parameters' gradients, moments, centres) and everything stays well defined.
 */
import type { Dispatch, Lowering } from './kernel';

export type DType = 'f32' | 'u32' | 'f16';

export const bytesPerElement = (dtype: DType): number => (dtype === 'f16' ? 2 : 4);

/** Memory that outlives a plan: parameters, moments, inputs, metrics. Made on the device by the first plan using it. */
export class Allocation {
  buffer: GPUBuffer | undefined;
  constructor(
    readonly label: string,
    readonly bytes: number,
  ) {}

  destroy(): void {
    this.buffer?.destroy();
    this.buffer = undefined;
  }
}

export interface TensorSpec {
  shape: readonly number[];
  dtype?: DType;
}

export class Tensor {
  /** The node that makes this value; undefined for inputs and state. */
  node: GraphNode | undefined;
  /** Where it lives, if not in the plan's arena. */
  allocation: Allocation | undefined;
  /** Offset in `allocation`, or in the base tensor for a view. */
  byteOffset = 0;
  /** The tensor whose memory this one shares. */
  base: Tensor | undefined;
  requiresGradient = false;
  /** For parameters: where their gradient is added up (same shape). */
  gradient: Tensor | undefined;

  constructor(
    readonly id: number,
    readonly shape: readonly number[],
    readonly dtype: DType,
    readonly name: string,
  ) {}

  get size(): number {
    return this.shape.reduce((product, n) => product * n, 1);
  }

  get bytes(): number {
    return this.size * bytesPerElement(this.dtype);
  }

  /** Rows × columns view of any shape: the last axis is the columns. */
  get columns(): number {
    return this.shape[this.shape.length - 1] ?? 1;
  }

  get rows(): number {
    return this.size / Math.max(1, this.columns);
  }
}

export interface GraphNode<A = unknown> {
  op: OpDefinition<A>;
  inputs: readonly (Tensor | undefined)[];
  outputs: readonly Tensor[];
  attributes: A;
}

export interface GradientContext<A> {
  graph: Graph;
  node: GraphNode<A>;
  inputs: readonly (Tensor | undefined)[];
  outputs: readonly Tensor[];
  attributes: A;
  /** Gradient of output i, or undefined where nothing depends on it. */
  gradientOf(output: number): Tensor | undefined;
  /** True if input i wants a gradient at all. */
  wants(input: number): boolean;
  /**
   * For a parameter: the tensor its gradient is to be ADDED to by the rule itself (then the rule returns undefined
   * for it). Undefined for other inputs.
   */
  into(input: number): Tensor | undefined;
  /**
   * The sum of the gradients that input i has received so far, or undefined. A rule that adds it to what it returns
   * (fused, saving a pass) says so with `absorbed(i)`; otherwise the walk adds them.
   */
  soFar(input: number): Tensor | undefined;
  absorbed(input: number): void;
}

/** One operation: shape rule, gradient rule, kernels. One file in `ops/` each. */
export interface OpDefinition<A> {
  readonly name: string;
  outputs(inputs: readonly (Tensor | undefined)[], attributes: A): TensorSpec[];
  /** One entry per input: its gradient, or undefined. Missing rule: the op stops gradients. */
  gradient?(context: GradientContext<A>): (Tensor | undefined)[];
  /** The dispatches that compute the node, on this device, with the variants chosen for it. */
  lower(node: GraphNode<A>, lowering: Lowering): Dispatch[];
}

export class Graph {
  readonly nodes: GraphNode[] = [];
  /** Node counts at which a submission may end (block boundaries). */
  readonly marks: number[] = [];
  private nextId = 0;

  /** Memory written by the host before a run. */
  input(name: string, shape: readonly number[], dtype: DType = 'f32'): Tensor {
    const tensor = new Tensor(this.nextId++, shape, dtype, name);
    tensor.allocation = new Allocation(name, tensor.bytes);
    return tensor;
  }

  /** A tensor in memory that outlives the graph. */
  state(name: string, shape: readonly number[], allocation: Allocation, byteOffset = 0, dtype: DType = 'f32'): Tensor {
    const tensor = new Tensor(this.nextId++, shape, dtype, name);
    tensor.allocation = allocation;
    tensor.byteOffset = byteOffset;
    return tensor;
  }

  /** The same memory under another shape (gradients pass), optionally from an element offset (gradients do not pass). */
  view(tensor: Tensor, shape: readonly number[], elementOffset = 0): Tensor {
    const view = new Tensor(this.nextId++, shape, tensor.dtype, `${tensor.name}.view`);
    view.base = tensor.base ?? tensor;
    view.byteOffset = (tensor.base ? tensor.byteOffset : 0) + elementOffset * bytesPerElement(tensor.dtype);
    const whole = elementOffset === 0 && view.size === tensor.size;
    if (whole && tensor.gradient) {
      view.requiresGradient = true;
      view.gradient = this.view(tensor.gradient, shape);
    } else if (whole && tensor.requiresGradient) {
      const node: GraphNode = { op: viewOp as OpDefinition<unknown>, inputs: [tensor], outputs: [view], attributes: {} };
      view.requiresGradient = true;
      view.node = node;
      this.nodes.push(node);
    }
    return view;
  }

  /** Adds a node and gives its outputs. */
  add<A>(op: OpDefinition<A>, inputs: readonly (Tensor | undefined)[], attributes: A): Tensor[] {
    const specs = op.outputs(inputs, attributes);
    const differentiable = op.gradient !== undefined && inputs.some((t) => t?.requiresGradient);
    const outputs = specs.map((spec, i) => {
      const tensor = new Tensor(this.nextId++, spec.shape, spec.dtype ?? 'f32', `${op.name}.${i}`);
      tensor.requiresGradient = differentiable && tensor.dtype !== 'u32';
      return tensor;
    });
    const node: GraphNode<A> = { op, inputs, outputs, attributes };
    for (const tensor of outputs) tensor.node = node as GraphNode;
    this.nodes.push(node as GraphNode);
    return outputs;
  }

  /** As `add`, for the common case of one output. */
  one<A>(op: OpDefinition<A>, inputs: readonly (Tensor | undefined)[], attributes: A): Tensor {
    return this.add(op, inputs, attributes)[0]!;
  }

  /** Gives a value memory of its own that can be read after the plan has run. */
  keep(tensor: Tensor, name = tensor.name): Tensor {
    const owner = tensor.base ?? tensor;
    owner.allocation ??= new Allocation(name, owner.bytes);
    return tensor;
  }

  /** A submission may end here. */
  mark(): void {
    if (this.marks[this.marks.length - 1] !== this.nodes.length) this.marks.push(this.nodes.length);
  }
}

/** Reshaping: no work, the gradient is reshaped back. */
const viewOp: OpDefinition<object> = {
  name: 'view',
  outputs: ([x]) => [{ shape: x!.shape }],
  gradient: ({ graph, inputs, gradientOf }) => {
    const dy = gradientOf(0);
    return [dy && graph.view(dy, inputs[0]!.shape)];
  },
  lower: () => [],
};
