/**
 * Parameters of a network in one flat f32 buffer, with the table that everything reads: optimiser, teacher average,
 * checkpoints, export. Order: the reverse of the forward pass, which is the order in which gradients are completed.
 */
import { Allocation, type Graph, type Tensor } from '../graph';
import { Purpose, Random } from '../random';

/** How a parameter starts. `uniform` is ±bound; `normal` has std 0.02 cut at ±2, as the original's. */
export type Initialiser =
  | { kind: 'zeros' }
  | { kind: 'ones' }
  | { kind: 'normal' }
  | { kind: 'uniform'; bound: number };

export interface ParameterSpec {
  /** The official name, e.g. `backbone.blocks.0.attn.qkv.weight`. */
  name: string;
  shape: readonly number[];
  initialiser: Initialiser;
  trainable: boolean;
}

export interface ParameterEntry extends ParameterSpec {
  /** Offset in the flat buffer, in floats; a multiple of 64 (256 bytes). */
  offset: number;
  length: number;
  /** Weight decay applies: not for biases and tensors of one axis (original, `get_params_groups`). */
  decayed: boolean;
  /** Its gradient is dropped while the last layer is frozen (original, `cancel_gradients_last_layer`). */
  lastLayer: boolean;
}

export const PARAMETER_ALIGNMENT = 64;

export class ParameterSet {
  readonly entries: ParameterEntry[] = [];
  /** Length of the flat buffer in floats. */
  readonly length: number;
  readonly values: Allocation;
  private readonly byName = new Map<string, ParameterEntry>();

  /** @param specs in the order of the forward pass */
  constructor(specs: readonly ParameterSpec[], label: string) {
    let offset = 0;
    for (const spec of [...specs].reverse()) {
      if (this.byName.has(spec.name)) throw new Error(`Parameter ${spec.name} is declared twice`);
      const length = spec.shape.reduce((a, b) => a * b, 1);
      const entry: ParameterEntry = {
        ...spec,
        offset,
        length,
        decayed: spec.shape.length > 1 && !spec.name.endsWith('.bias'),
        lastLayer: spec.name.includes('last_layer'),
      };
      this.entries.push(entry);
      this.byName.set(spec.name, entry);
      offset += Math.ceil(length / PARAMETER_ALIGNMENT) * PARAMETER_ALIGNMENT;
    }
    this.length = offset;
    this.values = new Allocation(`${label}.parameters`, offset * 4);
  }

  /** Number of values, without padding. */
  get count(): number {
    return this.entries.reduce((sum, e) => sum + e.length, 0);
  }

  has(name: string): boolean {
    return this.byName.has(name);
  }

  entry(name: string): ParameterEntry {
    const entry = this.byName.get(name);
    if (!entry) throw new Error(`There is no parameter ${name}`);
    return entry;
  }

  /**
   * The parameters as tensors of a graph, made on first use. With `gradients`, those that are trainable require a
   * gradient, added into that flat buffer.
   */
  tensors(graph: Graph, gradients?: Allocation): (name: string) => Tensor {
    const made = new Map<string, Tensor>();
    return (name) => {
      let tensor = made.get(name);
      if (!tensor) {
        const entry = this.entry(name);
        tensor = graph.state(name, entry.shape, this.values, entry.offset * 4);
        if (gradients && entry.trainable) {
          tensor.requiresGradient = true;
          tensor.gradient = graph.state(`${name}.gradient`, entry.shape, gradients, entry.offset * 4);
        }
        made.set(name, tensor);
      }
      return tensor;
    };
  }

  /** Starting values as the original's, keyed by seed and position in the forward order. */
  initialise(seed: number): Float32Array {
    const flat = new Float32Array(this.length);
    this.entries.forEach((entry, i) => {
      const random = new Random(seed, Purpose.initialisation, 0, this.entries.length - 1 - i);
      const values = flat.subarray(entry.offset, entry.offset + entry.length);
      const { initialiser } = entry;
      if (initialiser.kind === 'ones') values.fill(1);
      else if (initialiser.kind === 'uniform') {
        for (let j = 0; j < values.length; j++) values[j] = random.between(-initialiser.bound, initialiser.bound);
      } else if (initialiser.kind === 'normal') {
        for (let j = 0; j < values.length; j++) {
          let value = random.normal() * 0.02;
          while (Math.abs(value) > 2) value = random.normal() * 0.02;
          values[j] = value;
        }
      }
    });
    return flat;
  }

  /** The flat buffer from named tensors. Names missing in `source` are an error that lists them. */
  flatten(source: (name: string) => ArrayLike<number> | undefined): Float32Array {
    const flat = new Float32Array(this.length);
    const missing: string[] = [];
    for (const entry of this.entries) {
      const values = source(entry.name);
      if (!values) missing.push(entry.name);
      else if (values.length !== entry.length) {
        throw new Error(`${entry.name} has ${values.length} values, ${entry.length} are expected`);
      } else flat.set(values, entry.offset);
    }
    if (missing.length > 0) throw new Error(`Missing parameters: ${missing.join(', ')}`);
    return flat;
  }

  /** Named views of a flat buffer, in the order of the forward pass. */
  *named(flat: Float32Array): Iterable<{ name: string; shape: readonly number[]; values: Float32Array }> {
    for (const entry of [...this.entries].reverse()) {
      yield { name: entry.name, shape: entry.shape, values: flat.subarray(entry.offset, entry.offset + entry.length) };
    }
  }
}

/** PyTorch's default for linear and convolution layers: uniform ±1/√fan_in (Kaiming uniform with a = √5). */
export const defaultUniform = (fanIn: number): Initialiser => ({ kind: 'uniform', bound: 1 / Math.sqrt(fanIn) });
