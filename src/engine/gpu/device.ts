/**
 * One GPU device as a value: buffers, pipelines, submission, readback, and what went wrong on it.
 * Errors that Dawn reports out of band (validation, out of memory, loss of the device) are kept and thrown as typed
 * errors by the next wait, so nothing hangs and nothing is swallowed.
 */
import { create, globals } from 'webgpu';
import { isSoftwareName } from './adapter-names';
import { BusyMeter } from './busy-meter';

/** The device reported an error: a defect of the program, or too little memory. */
export class GpuError extends Error {
  constructor(
    message: string,
    readonly kind: 'validation' | 'out-of-memory' | 'internal',
  ) {
    super(message);
    this.name = 'GpuError';
  }
}

/** The device is gone (driver reset, unplugged, destroyed). Open a new one and go on from the last checkpoint. */
export class GpuLostError extends Error {
  constructor(readonly reason: string) {
    super(`The graphics device was lost (${reason}).`);
    this.name = 'GpuLostError';
  }
}

export interface GpuInfo {
  name: string;
  vendor: string;
  architecture: string;
  description: string;
  /** Computes on the CPU (lavapipe, SwiftShader): barriers are dear, waiting must sleep. */
  software: boolean;
  /** Lanes of a subgroup where that number is fixed and the feature is there, otherwise 0. */
  subgroupSize: number;
}

const WANTED_FEATURES = [
  'shader-f16',
  'subgroups',
  'timestamp-query',
  'chromium-experimental-subgroup-matrix',
] as const;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A Dawn instance. It must stay referenced as long as any adapter or device of it lives. */
let instance: GPU | undefined;
function dawn(): GPU {
  if (!instance) {
    Object.assign(globalThis, globals);
    const flags = ['enable-dawn-features=allow_unsafe_apis'];
    if (process.platform === 'linux') flags.push('backend=vulkan');
    instance = create(flags);
  }
  return instance;
}

function describeAdapter(adapter: GPUAdapter): GpuInfo {
  const info = adapter.info as GPUAdapterInfo & { subgroupMinSize?: number; subgroupMaxSize?: number };
  const text = `${info.description} ${info.device} ${info.architecture}`;
  const software = adapter.info.isFallbackAdapter === true || isSoftwareName(text);
  const fixed = info.subgroupMinSize === info.subgroupMaxSize ? (info.subgroupMinSize ?? 0) : 0;
  return {
    name: info.device || info.description || info.vendor || 'unnamed device',
    vendor: info.vendor,
    architecture: info.architecture,
    description: info.description,
    software,
    subgroupSize: adapter.features.has('subgroups') ? fixed : 0,
  };
}

export class Gpu {
  /** Settles when the device is lost; never rejects. */
  readonly lost: Promise<GpuLostError>;
  readonly busy = new BusyMeter();
  private failure: Error | undefined;
  private closed = false;
  private readonly pipelines = new Map<string, Promise<GPUComputePipeline>>();
  private readonly layouts = new Map<number, { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout }>();
  private readonly sleeper = new Int32Array(new SharedArrayBuffer(4));

  private constructor(
    readonly adapter: GPUAdapter,
    readonly device: GPUDevice,
    readonly info: GpuInfo,
  ) {
    device.addEventListener('uncapturederror', (event) => {
      const { error } = event as GPUUncapturedErrorEvent;
      const kind =
        error.constructor.name === 'GPUOutOfMemoryError'
          ? 'out-of-memory'
          : error.constructor.name === 'GPUValidationError'
            ? 'validation'
            : 'internal';
      this.failure ??= new GpuError(error.message, kind);
    });
    this.lost = device.lost.then((loss) => {
      const error = new GpuLostError(loss.message || loss.reason || 'unknown reason');
      if (!this.closed) this.failure = error;
      return error;
    });
  }

  /** Opens a device on `adapter` (default: the one the system prefers) with its real limits and useful features. */
  static async open(adapter?: GPUAdapter): Promise<Gpu> {
    const chosen = adapter ?? (await dawn().requestAdapter({ powerPreference: 'high-performance' }));
    if (!chosen) throw new GpuError('No graphics device that WebGPU can use was found.', 'internal');
    const requiredFeatures = WANTED_FEATURES.filter((f) => chosen.features.has(f as GPUFeatureName)) as GPUFeatureName[];
    const requiredLimits: Record<string, number> = {};
    for (const name of [
      'maxBufferSize',
      'maxStorageBufferBindingSize',
      'maxStorageBuffersPerShaderStage',
      'maxComputeWorkgroupStorageSize',
      'maxComputeInvocationsPerWorkgroup',
      'maxComputeWorkgroupSizeX',
      'maxComputeWorkgroupSizeY',
      'minStorageBufferOffsetAlignment',
    ] as const) {
      requiredLimits[name] = chosen.limits[name];
    }
    const device = await chosen.requestDevice({ requiredFeatures, requiredLimits });
    return new Gpu(chosen, device, describeAdapter(chosen));
  }

  get limits(): GPUSupportedLimits {
    return this.device.limits;
  }

  has(feature: string): boolean {
    return this.device.features.has(feature);
  }

  /** Throws what the device reported since the last call, if anything. */
  check(): void {
    if (!this.failure) return;
    const error = this.failure;
    if (!(error instanceof GpuLostError)) this.failure = undefined;
    throw error;
  }

  createBuffer(bytes: number, label: string, usage?: number): GPUBuffer {
    return this.device.createBuffer({
      label,
      size: Math.max(16, Math.ceil(bytes / 16) * 16),
      usage: usage ?? GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
    });
  }

  /** Layout of all kernels: `count` read-write storage buffers at bindings 0 …, one uniform block after them. */
  layout(count: number): { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout } {
    let layout = this.layouts.get(count);
    if (!layout) {
      const entries: GPUBindGroupLayoutEntry[] = [];
      for (let binding = 0; binding < count; binding++) {
        entries.push({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'storage' } });
      }
      entries.push({ binding: count, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'uniform' } });
      const group = this.device.createBindGroupLayout({ entries });
      layout = { group, pipeline: this.device.createPipelineLayout({ bindGroupLayouts: [group] }) };
      this.layouts.set(count, layout);
    }
    return layout;
  }

  /** The compute pipeline for `key`, made once. `code` is only asked for when it has to be made. */
  pipeline(key: string, bindings: number, code: () => string): Promise<GPUComputePipeline> {
    let made = this.pipelines.get(key);
    if (!made) {
      const module = this.device.createShaderModule({ label: key, code: code() });
      made = this.device
        .createComputePipelineAsync({
          label: key,
          layout: this.layout(bindings).pipeline,
          compute: { module, entryPoint: 'main' },
        })
        .catch((error: Error) => {
          this.pipelines.delete(key);
          throw new GpuError(`Kernel ${key} does not compile on this device: ${error.message}`, 'validation');
        });
      this.pipelines.set(key, made);
    }
    return made;
  }

  get pipelineCount(): number {
    return this.pipelines.size;
  }

  /**
   * Waits for a promise of the device. Dawn polls busily while a promise is pending, which takes a core away from a
   * software device: there, sleep a millisecond between polls.
   */
  async wait<T>(promise: Promise<T>): Promise<T> {
    if (!this.info.software) return this.settled(promise);
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    promise.then(done, done);
    while (!settled) {
      await new Promise((resolve) => setImmediate(resolve));
      if (!settled) Atomics.wait(this.sleeper, 0, 0, 1);
    }
    return this.settled(promise);
  }

  /** A promise that fails because the device is lost or broke an operation fails with what the device reported. */
  private async settled<T>(promise: Promise<T>): Promise<T> {
    try {
      const value = await promise;
      this.check();
      return value;
    } catch (error) {
      // The loss of a device is told to everybody who waits, in an order of its own.
      if (!(error instanceof GpuError) && !(error instanceof GpuLostError)) await Promise.race([this.lost, nextTurn()]);
      this.check();
      throw error;
    }
  }

  /** Resolves when everything submitted so far is done. */
  async idle(): Promise<void> {
    const end = this.busy.begin();
    await this.wait(this.device.queue.onSubmittedWorkDone()).finally(end);
  }

  /** Copies `bytes` from a buffer back to the host (offset and bytes multiples of 4). */
  async read(buffer: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
    const staging = this.createBuffer(bytes, 'readback', GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ);
    try {
      const encoder = this.device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, offset, staging, 0, bytes);
      this.device.queue.submit([encoder.finish()]);
      const end = this.busy.begin();
      await this.wait(staging.mapAsync(GPUMapMode.READ)).finally(end);
      const copy = staging.getMappedRange(0, staging.size).slice(0, bytes);
      staging.unmap();
      return copy;
    } finally {
      staging.destroy();
    }
  }

  close(): void {
    this.closed = true;
    this.device.destroy();
  }
}
