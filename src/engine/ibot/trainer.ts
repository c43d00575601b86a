/**
 * Carries out training steps on a device: uploads what a step needs, encodes, submits, and hands out the measured
 * values later. Nothing waits for a readback; at most two steps are in flight.
 */
import type { Batch } from '../data';
import type { Gpu } from '../gpu';
import { type Allocation, Plan, PlanLayout, tune, upload, type VariantTable } from '../graph';
import { dropPathRates } from '../nn';
import { encodeLossScalars, encodeOptimiserScalars } from '../ops';
import type { MaskOptions } from './masks';
import type { Network } from './network';
import { drawDropPath, drawMasks, maskedRows, sequenceOfRows } from './step-inputs';
import { stepShape, traceForward, traceUpdate, type ForwardGraph, type TrainingShape, type UpdateGraph } from './training-graph';
import { StepReports, type StepIdentity, type StepReport, type StepSettings } from './step-reports';

export interface TrainerOptions {
  shape: TrainingShape;
  /** Micro-batches per step. */
  accumulate: number;
  seed: number;
  masks: MaskOptions;
  studentTemperature: number;
  centreMomentum: number;
  patchCentreMomentum: number;
  lambda1: number;
  lambda2: number;
  /** Largest norm of a parameter's gradient; 0 = no clipping. */
  clipGradient: number;
}

/** Crops given as images, for the reference and for tests. */
export interface ImageBatch {
  globalImages: Float32Array;
  localImages?: Float32Array;
  /** One per global crop and sample, crop-major. */
  masks: Uint8Array[];
}

/** Figures of a trainer before any memory is taken. */
export interface TrainerMemory {
  arenaBytes: number;
  peakLiveBytes: number;
  stateBytes: number;
  dispatches: number;
  /** Floating-point operations of one step (all micro-batches). */
  flops: number;
}

export class TrainerLayout {
  readonly forward: ForwardGraph;
  readonly forwardLayout: PlanLayout;
  readonly updateLayout: PlanLayout;
  readonly update: UpdateGraph;

  constructor(
    readonly gpu: Gpu,
    readonly network: Network,
    readonly options: TrainerOptions,
    readonly table: VariantTable,
  ) {
    this.forward = traceForward(network, options.shape);
    this.update = traceUpdate(network, this.forward, gpu.limits.maxStorageBufferBindingSize);
    this.forwardLayout = new PlanLayout(gpu, this.forward.graph, table);
    this.updateLayout = new PlanLayout(gpu, this.update.graph, table);
  }

  get memory(): TrainerMemory {
    const allocations = new Set([...this.forwardLayout.allocations, ...this.updateLayout.allocations]);
    return {
      arenaBytes: this.forwardLayout.arenaBytes + this.updateLayout.arenaBytes,
      peakLiveBytes: Math.max(this.forwardLayout.peakLiveBytes, this.updateLayout.peakLiveBytes),
      stateBytes: [...allocations].reduce((sum, a) => sum + a.bytes, 0),
      dispatches: this.forwardLayout.steps.length * this.options.accumulate + this.updateLayout.steps.length,
      flops: this.forwardLayout.flops * this.options.accumulate + this.updateLayout.flops,
    };
  }
}

export interface TrainerProgress {
  (stage: 'tuning' | 'kernels', done: number, total: number): void;
}

const SUBMISSION_MILLISECONDS = 50;

export class Trainer {
  private readonly reports: StepReports;
  private readonly rates: number[];
  private readonly inFlight: Promise<void>[] = [];
  private lastDone: number | undefined;
  /** Moving average of the time from one step's end to the next one's. */
  private stepMilliseconds: number | undefined;

  private constructor(
    readonly gpu: Gpu,
    readonly layout: TrainerLayout,
    private readonly forwardPlan: Plan,
    private readonly updatePlan: Plan,
  ) {
    const { forward, update, options, network } = layout;
    this.rates = dropPathRates(options.shape.dropPath, network.config.backbone.depth);
    this.reports = new StepReports(gpu, {
      accumulate: options.accumulate,
      perMicroBatch: [forward.teacherArgmax, forward.studentArgmax],
      perStep: [update.metrics, update.state],
    });
  }

  get network(): Network {
    return this.layout.network;
  }

  get options(): TrainerOptions {
    return this.layout.options;
  }

  /**
   * Chooses kernels by measuring what `table` does not know (adding to it), and makes plans and pipelines.
   * @param progress what it throws ends the making
   * @param between waited for before each measuring; what it throws ends the making, too
   */
  static async create(
    gpu: Gpu,
    network: Network,
    options: TrainerOptions,
    table: VariantTable = new Map(),
    choose = true,
    progress?: TrainerProgress,
    between?: () => Promise<void>,
  ): Promise<Trainer> {
    let layout = new TrainerLayout(gpu, network, options, table);
    if (choose && layout.forwardLayout.open.size > 0) {
      await tune(gpu, layout.forwardLayout.open.values(), table, async (done, total) => {
        progress?.('tuning', done, total);
        await between?.();
      });
      layout = new TrainerLayout(gpu, network, options, table);
    }
    const forwardPlan = await Plan.compile(gpu, layout.forwardLayout, {
      label: 'training',
      progress: (done, total) => progress?.('kernels', done, total),
    });
    const updatePlan = await Plan.compile(gpu, layout.updateLayout, { label: 'update' });
    const trainer = new Trainer(gpu, layout, forwardPlan, updatePlan);
    trainer.uploadConstants();
    return trainer;
  }

  /** Fresh parameters, the teacher as a copy, zero moments and centres. */
  initialise(): void {
    const student = this.network.student.initialise(this.options.seed);
    this.load(student, this.network.teacherFromStudent(student));
  }

  /** Everything that training carries from step to step is zero, a halt forgotten. */
  clear(): void {
    const { network, gpu, layout } = this;
    const encoder = gpu.device.createCommandEncoder();
    for (const allocation of [
      ...network.allocations,
      layout.forward.lossSum.allocation!,
      layout.update.state.allocation!,
    ]) {
      allocation.buffer ??= gpu.createBuffer(allocation.bytes, allocation.label);
      encoder.clearBuffer(allocation.buffer);
    }
    gpu.device.queue.submit([encoder.finish()]);
  }

  /** Given parameters (flat), zero moments and centres. */
  load(student: Float32Array, teacher: Float32Array): void {
    const { network, gpu } = this;
    this.clear();
    gpu.device.queue.writeBuffer(network.student.values.buffer!, 0, student.buffer, student.byteOffset, student.byteLength);
    gpu.device.queue.writeBuffer(network.teacher.values.buffer!, 0, teacher.buffer, teacher.byteOffset, teacher.byteLength);
  }

  /**
   * One optimiser step over the micro-batches. Returns when it is submitted and at most two steps are in flight.
   * @param batches `accumulate` of them, each with the plan's number of pictures
   */
  async step(identity: StepIdentity, settings: StepSettings, batches: readonly (Batch | ImageBatch)[]): Promise<void> {
    const { gpu, options, layout } = this;
    if (batches.length !== options.accumulate) throw new Error(`${batches.length} micro-batches for ${options.accumulate}`);
    if (this.inFlight.length >= 2) await gpu.wait(this.inFlight.shift()!);
    gpu.check();
    const scalars = this.lossScalars(settings);
    for (const [i, batch] of batches.entries()) {
      this.uploadBatch(identity, batch, i, scalars);
      const pieces = this.forwardPlan.pieces(this.piecesPerMicroBatch);
      const [from, to] = pieces.pop()!;
      for (const [first, end] of pieces) {
        const encoder = gpu.device.createCommandEncoder();
        this.forwardPlan.encode(encoder, first, end);
        gpu.device.queue.submit([encoder.finish()]);
      }
      const encoder = gpu.device.createCommandEncoder();
      this.forwardPlan.encode(encoder, from, to);
      this.reports.copyMicroBatch(encoder, i);
      if (i === batches.length - 1) {
        upload(
          gpu,
          layout.update.scalars,
          encodeOptimiserScalars({
            lr: settings.learningRate,
            weightDecay: settings.weightDecay,
            teacherMomentum: settings.momentum,
            clip: options.clipGradient,
            freezeLastLayer: settings.freezeLastLayer,
            step: identity.step,
          }),
        );
        this.updatePlan.encode(encoder);
        this.reports.copyStep(encoder, identity, settings);
      }
      gpu.device.queue.submit([encoder.finish()]);
    }
    const submitted = gpu.device.queue.onSubmittedWorkDone();
    const done = submitted.then(() => this.stepDone()).finally(gpu.busy.begin());
    // Of a device that is lost whoever waits next hears.
    done.catch(() => undefined);
    this.inFlight.push(done);
    this.reports.collect();
  }

  private stepDone(): void {
    const now = performance.now();
    if (this.lastDone !== undefined) {
      const took = now - this.lastDone;
      this.stepMilliseconds = this.stepMilliseconds === undefined ? took : 0.9 * this.stepMilliseconds + 0.1 * took;
    }
    this.lastDone = now;
  }

  /**
   * A long submission freezes a desktop that the card also draws, and trips the driver's watchdog: a step goes to a GPU
   * in pieces of about 50 ms. On a software device nothing is gained by it.
   */
  private get piecesPerMicroBatch(): number {
    if (this.gpu.info.software || this.stepMilliseconds === undefined) return this.gpu.info.software ? 1 : 8;
    return Math.max(1, Math.ceil(this.stepMilliseconds / this.options.accumulate / SUBMISSION_MILLISECONDS));
  }

  /** Reports of finished steps that have arrived since the last call, in order. */
  takeReports(): StepReport[] {
    return this.reports.take();
  }

  /** Waits for everything submitted and gives the reports that are left. */
  async finish(): Promise<StepReport[]> {
    this.inFlight.length = 0;
    await this.gpu.idle();
    return this.reports.flush();
  }

  private lossScalars(settings: StepSettings): Float32Array {
    const { options } = this;
    return encodeLossScalars({
      studentTemp: options.studentTemperature,
      teacherTemp: settings.teacherTemperature,
      teacherPatchTemp: settings.teacherPatchTemperature,
      lambda1: options.lambda1,
      lambda2: options.lambda2,
      gradientScale: 1 / options.accumulate,
      centreMomentum: options.centreMomentum,
      centreMomentum2: options.patchCentreMomentum,
    });
  }

  private uploadConstants(): void {
    for (const [tensor, values] of this.layout.update.tables) upload(this.gpu, tensor, values);
    const { inputs } = this.layout.forward;
    const { shape } = this.options;
    const step = stepShape(shape, this.network.config.backbone.patchSize);
    const tokens = step.globalPatches + 1;
    const sequences = shape.globalCrops * shape.batch;
    const patchRows = new Uint32Array(sequences * step.globalPatches);
    for (let i = 0; i < patchRows.length; i++) {
      patchRows[i] = Math.floor(i / step.globalPatches) * tokens + 1 + (i % step.globalPatches);
    }
    upload(this.gpu, inputs.teacherPatchRows, patchRows);
    upload(this.gpu, inputs.teacherClassRows, Uint32Array.from({ length: sequences }, (_, i) => i * tokens));
    if (inputs.dropSequence) upload(this.gpu, inputs.dropSequence, sequenceOfRows(step));
  }

  private uploadBatch(
    identity: StepIdentity,
    batch: Batch | ImageBatch,
    micro: number,
    scalars: Float32Array,
  ): void {
    const { gpu, options } = this;
    const { inputs } = this.layout.forward;
    const { shape } = options;
    const step = stepShape(shape, this.network.config.backbone.patchSize);
    let masks: Uint8Array[];
    if ('pixels' in batch) {
      upload(gpu, inputs.pixels!, batch.pixels);
      upload(gpu, inputs.globalRecords!, batch.globalCrops);
      if (inputs.localRecords) upload(gpu, inputs.localRecords, batch.localCrops);
      masks = drawMasks(options.masks, options.seed, identity.epoch, batch.indices, shape.globalCrops);
    } else {
      upload(gpu, inputs.globalImages, batch.globalImages);
      if (inputs.localImages) upload(gpu, inputs.localImages, batch.localImages!);
      masks = batch.masks;
    }
    const rows = maskedRows(step, masks);
    const classRows = (shape.globalCrops + shape.localCrops) * shape.batch;
    if (inputs.mask) upload(gpu, inputs.mask, rows.mask);
    upload(gpu, inputs.studentIndex, rows.studentIndex);
    upload(gpu, inputs.teacherIndex, rows.teacherIndex);
    upload(gpu, inputs.studentRows, Uint32Array.of(classRows + rows.count));
    upload(gpu, inputs.teacherRows, Uint32Array.of(shape.globalCrops * shape.batch + rows.count));
    upload(gpu, inputs.maskedCount, Uint32Array.of(rows.count));
    upload(gpu, inputs.maskedWeights, rows.weights);
    upload(gpu, inputs.scalars, scalars);
    if (inputs.dropTable) {
      const first = micro * shape.batch;
      const total = shape.batch * options.accumulate;
      upload(gpu, inputs.dropTable, drawDropPath(this.rates, options.seed, identity.step, step, first, total));
    }
  }

  /**
   * The flat gradient of one batch before clipping, and the step's report. The update is carried out as well.
   * For the reference and for tests.
   */
  async gradientOf(
    identity: StepIdentity,
    settings: StepSettings,
    batches: readonly ImageBatch[],
  ): Promise<{ flat: Float32Array; report: StepReport }> {
    const scalars = this.lossScalars(settings);
    for (const [i, batch] of batches.entries()) {
      this.uploadBatch(identity, batch, i, scalars);
      this.forwardPlan.run();
    }
    const flat = new Float32Array(await this.read(this.network.gradient));
    // Run again from a clean gradient, so that the update sees the batch once.
    const clear = this.gpu.device.createCommandEncoder();
    for (const allocation of [
      this.network.gradient,
      this.network.centreSum,
      this.network.patchCentreSum,
      this.layout.forward.lossSum.allocation!,
    ]) {
      clear.clearBuffer(allocation.buffer!);
    }
    this.gpu.device.queue.submit([clear.finish()]);
    await this.step(identity, settings, batches);
    const [report] = await this.finish();
    return { flat, report: report! };
  }

  /**
   * After a halt: runs the halted step's batches again, from the state that has not changed since, and names the first
   * tensor that is not finite. Undefined if none is found (the gradient of a parameter alone was too large).
   */
  async firstNonFinite(identity: StepIdentity, settings: StepSettings, batches: readonly (Batch | ImageBatch)[]) {
    await this.gpu.idle();
    const scalars = this.lossScalars(settings);
    for (const [i, batch] of batches.entries()) {
      this.uploadBatch(identity, batch, i, scalars);
      const found = await this.forwardPlan.firstNonFinite();
      if (found) return found;
    }
    return undefined;
  }

  loadCentres(centre: Float32Array, patchCentre: Float32Array): void {
    const write = (allocation: Allocation, values: Float32Array): void => {
      this.gpu.device.queue.writeBuffer(allocation.buffer!, 0, values.buffer, values.byteOffset, values.byteLength);
    };
    write(this.network.centre, centre);
    write(this.network.patchCentre, patchCentre);
  }

  async readCentres(): Promise<{ centre: Float32Array; patchCentre: Float32Array }> {
    return {
      centre: new Float32Array(await this.read(this.network.centre)),
      patchCentre: new Float32Array(await this.read(this.network.patchCentre)),
    };
  }

  /** Memory of the training state, read back (after `finish`). */
  read(allocation: Allocation): Promise<ArrayBuffer> {
    return this.gpu.read(allocation.buffer!, 0, allocation.bytes);
  }

  destroy(): void {
    this.forwardPlan.destroy();
    this.updatePlan.destroy();
    this.reports.destroy();
    for (const { allocations } of [this.layout.forwardLayout, this.layout.updateLayout]) {
      for (const allocation of allocations) allocation.destroy();
    }
    this.network.destroy();
  }
}
