/**
 * Measured values of steps on their way from the device: a ring there, copied to the host every few steps or every
 * second, never waited for.
 */
import type { Gpu } from '../gpu';
import type { Tensor } from '../graph';
import { METRIC, METRICS_LENGTH, NO_ENTRY, STATE, STEP_METRIC } from '../ops';

export interface StepIdentity {
  /** Optimiser step since the start of the run. */
  step: number;
  epoch: number;
}

/** The values of the schedules at one step. */
export interface StepSettings {
  learningRate: number;
  weightDecay: number;
  /** Of the teacher's moving average. */
  momentum: number;
  teacherTemperature: number;
  teacherPatchTemperature: number;
  /** The last layers' gradients are dropped. */
  freezeLastLayer: boolean;
}

/** Means over the step's micro-batches; losses carry lambda1 and lambda2, entropies are in nats. */
export type LossMetrics = Readonly<Record<keyof typeof METRIC, number>>;

export interface StepReport extends StepIdentity {
  settings: StepSettings;
  loss: LossMetrics;
  /** Norm of all gradients together, before clipping. */
  gradientNorm: number;
  /**
   * Set when a gradient or loss was not finite: nothing has changed since that step. `entry` is the index of the first
   * such parameter in the student's table, undefined if it was the loss alone.
   */
  halted: { step: number; entry: number | undefined } | undefined;
  /** Arg max of the [CLS] logits per micro-batch: teacher (global crops) and student (all crops), crop-major. */
  teacherArgmax: Uint32Array[];
  studentArgmax: Uint32Array[];
}

interface Pending {
  identity: StepIdentity;
  settings: StepSettings;
  slot: number;
}

const RING = 16;
const COPY_EVERY = 8;
const COPY_AFTER_MS = 1000;

export class StepReports {
  private readonly ring: GPUBuffer;
  private readonly slotBytes: number;
  private readonly microBytes: number;
  private waiting: Pending[] = [];
  private copies: Promise<void> = Promise.resolve();
  private done: StepReport[] = [];
  private next = 0;
  private lastCopy = performance.now();

  constructor(
    private readonly gpu: Gpu,
    private readonly sources: { accumulate: number; perMicroBatch: readonly Tensor[]; perStep: readonly Tensor[] },
  ) {
    const bytes = (tensors: readonly Tensor[]): number => tensors.reduce((sum, t) => sum + t.bytes, 0);
    this.microBytes = bytes(sources.perMicroBatch);
    this.slotBytes = sources.accumulate * this.microBytes + bytes(sources.perStep);
    this.ring = gpu.createBuffer(RING * this.slotBytes, 'step reports');
  }

  private copy(encoder: GPUCommandEncoder, tensors: readonly Tensor[], offset: number): void {
    for (const tensor of tensors) {
      const owner = tensor.base ?? tensor;
      const from = owner.byteOffset + (tensor.base ? tensor.byteOffset : 0);
      encoder.copyBufferToBuffer(owner.allocation!.buffer!, from, this.ring, offset, tensor.bytes);
      offset += tensor.bytes;
    }
  }

  copyMicroBatch(encoder: GPUCommandEncoder, index: number): void {
    this.copy(encoder, this.sources.perMicroBatch, this.next * this.slotBytes + index * this.microBytes);
  }

  copyStep(encoder: GPUCommandEncoder, identity: StepIdentity, settings: StepSettings): void {
    const slot = this.next;
    this.next = (this.next + 1) % RING;
    this.copy(encoder, this.sources.perStep, slot * this.slotBytes + this.sources.accumulate * this.microBytes);
    this.waiting.push({ identity, settings, slot });
  }

  /** Starts a copy to the host when enough has gathered. Never waits. */
  collect(): void {
    const due = this.waiting.length >= COPY_EVERY || performance.now() - this.lastCopy > COPY_AFTER_MS;
    if (this.waiting.length > 0 && due) this.start();
  }

  private start(): void {
    const steps = this.waiting;
    this.waiting = [];
    this.lastCopy = performance.now();
    const bytes = steps.length * this.slotBytes;
    const staging = this.gpu.createBuffer(bytes, 'step reports', GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ);
    const encoder = this.gpu.device.createCommandEncoder();
    steps.forEach(({ slot }, i) =>
      encoder.copyBufferToBuffer(this.ring, slot * this.slotBytes, staging, i * this.slotBytes, this.slotBytes),
    );
    this.gpu.device.queue.submit([encoder.finish()]);
    const mapped = staging.mapAsync(GPUMapMode.READ).then(() => {
      const copy = staging.getMappedRange().slice(0);
      staging.destroy();
      steps.forEach((pending, i) => this.done.push(this.decode(pending, copy, i * this.slotBytes)));
    });
    this.copies = Promise.all([this.copies, mapped]).then(() => undefined);
    // A copy fails with its device, of which whoever waits next hears.
    this.copies.catch(() => undefined);
  }

  private decode({ identity, settings }: Pending, bytes: ArrayBuffer, start: number): StepReport {
    const { accumulate, perMicroBatch, perStep } = this.sources;
    let offset = start;
    const next = (tensor: Tensor): Float32Array => {
      const values = new Float32Array(bytes.slice(offset, offset + tensor.bytes));
      offset += tensor.bytes;
      return values;
    };
    const teacherArgmax: Uint32Array[] = [];
    const studentArgmax: Uint32Array[] = [];
    for (let i = 0; i < accumulate; i++) {
      teacherArgmax.push(new Uint32Array(next(perMicroBatch[0]!).buffer));
      studentArgmax.push(new Uint32Array(next(perMicroBatch[1]!).buffer));
    }
    const metrics = next(perStep[0]!);
    const state = new Uint32Array(next(perStep[1]!).buffer);
    const entry = state[STATE.haltedEntry]!;
    return {
      ...identity,
      settings,
      loss: Object.fromEntries(Object.entries(METRIC).map(([name, at]) => [name, metrics[at]!])) as LossMetrics,
      gradientNorm: metrics[METRICS_LENGTH + STEP_METRIC.gradientNorm]!,
      halted: state[STATE.halt] ? { step: state[STATE.haltedStep]!, entry: entry === NO_ENTRY ? undefined : entry } : undefined,
      teacherArgmax,
      studentArgmax,
    };
  }

  take(): StepReport[] {
    const taken = this.done;
    this.done = [];
    return taken;
  }

  /** Waits for all copies (the device must be idle or on its way there). */
  async flush(): Promise<StepReport[]> {
    if (this.waiting.length > 0) this.start();
    await this.gpu.wait(this.copies);
    return this.take();
  }

  destroy(): void {
    this.ring.destroy();
  }
}
