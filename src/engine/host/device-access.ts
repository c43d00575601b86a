import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors';
import { writeFileAtomic } from '../formats';
import { deviceMemory, Gpu, listAdapters, pickAdapter, type AdapterEntry, type DeviceMemory } from '../gpu';
import { measureRate } from '../ibot';
import type { Settings } from '../protocol';
import type { DeviceAccess, Warnings } from './host-context';

const speedSchema = z.record(z.string(), z.object({ flopsPerSecond: z.number().positive(), measuredAt: z.number() }));
export type Speed = z.infer<typeof speedSchema>[string];

/** Waits before a device that is not there is looked for again, in milliseconds: a driver that was reset is back after the first ones. */
const WAITS = [500, 2000, 8000];
const LATER_MS = 30_000;

/** A form that is being filled in should not see other numbers all the time. */
const FREE_MEMORY_AGE_MS = 10_000;

const speedKey = ({ name, driver }: Pick<AdapterEntry, 'name' | 'driver'>): string => `${name} · ${driver}`;

export interface OpenDevice {
  gpu: Gpu;
  adapter: AdapterEntry;
}

/** Work between the steps of the run that is going; undefined where none is. */
export type BetweenSteps = <T>(work: () => Promise<T>) => Promise<T>;

/** The one device of the engine: opened when it is needed first, opened anew after a loss. */
export class HostDevice implements DeviceAccess {
  current: OpenDevice | undefined;
  /** Why there is none, in a sentence. */
  problem: string | undefined;
  lost = false;
  adapters: AdapterEntry[] = [];
  /** Set while a run is going. */
  betweenSteps: BetweenSteps | undefined;
  private opening: Promise<OpenDevice> | undefined;
  private retry: NodeJS.Timeout | undefined;
  private tries = 0;
  /** The setting by which it was opened. */
  private openedFor: string | null = null;
  private speeds: z.infer<typeof speedSchema> = {};
  private measuring: Promise<Speed> | undefined;
  private asked: { gpu: Gpu; at: number; memory: Promise<DeviceMemory> } | undefined;
  private closed = false;
  private readonly listeners = new Set<() => void>();

  constructor(
    private readonly cacheFolder: string,
    private readonly settings: { readonly current: Settings },
    private readonly warnings: Warnings,
  ) {}

  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }

  async open(): Promise<Gpu> {
    return (await this.opened()).gpu;
  }

  private opened(): Promise<OpenDevice> {
    if (this.current) return Promise.resolve(this.current);
    this.opening ??= this.openNow().finally(() => (this.opening = undefined));
    return this.opening;
  }

  /** The list, as it was asked for last or now. */
  async list(): Promise<AdapterEntry[]> {
    this.adapters = await listAdapters();
    return this.adapters;
  }

  /** Opens the device of the settings, if another one is open, or none could be. Not while a run is going. */
  applyChoice(): void {
    const { current } = this;
    const { device } = this.settings.current;
    if (!current && this.problem !== undefined) void this.open().catch(() => undefined);
    if (!current || this.openedFor === device) return;
    if (device === current.adapter.name) {
      this.openedFor = device;
      return;
    }
    this.current = undefined;
    current.gpu.close();
    this.changed();
    void this.open().catch(() => undefined);
  }

  async shortly<T>(work: (gpu: Gpu) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const gpu = await this.open();
    signal?.throwIfAborted();
    const { betweenSteps } = this;
    if (!betweenSteps) return work(gpu);
    return betweenSteps(async () => {
      signal?.throwIfAborted();
      return work(gpu);
    });
  }

  async memory(): Promise<Awaited<ReturnType<DeviceAccess['memory']>>> {
    const gpu = await this.open();
    const told = await this.memoryOf(gpu);
    const { deviceMemoryBytes, screenMemoryBytes } = this.settings.current;
    const set = deviceMemoryBytes === null ? undefined : { bytes: deviceMemoryBytes, source: 'the setting', guessed: false };
    const { bytes: totalBytes, source, guessed = false } = set ?? told;
    // A software device shows nothing: what it may take of the computer's memory leaves room already.
    const keptBytes = gpu.info.software ? 0 : screenMemoryBytes;
    return { totalBytes, forRunsBytes: Math.max(0, totalBytes - keptBytes), keptBytes, source, guessed };
  }

  /**
   * Asking the system may take a tenth of a second: once per device. What is free of the computer's memory changes; while a run is
   * going what it takes would count as taken.
   */
  private memoryOf(gpu: Gpu): Promise<DeviceMemory> {
    const { asked } = this;
    const isOld = asked?.gpu !== gpu || (gpu.info.software && !this.betweenSteps && Date.now() - asked.at > FREE_MEMORY_AGE_MS);
    if (!isOld) return asked.memory;
    const memory = deviceMemory(gpu.info);
    this.asked = { gpu, at: Date.now(), memory };
    return memory;
  }

  /** What was measured on this machine before; undefined: never. */
  speedOf(adapter: Pick<AdapterEntry, 'name' | 'driver'>): Speed | undefined {
    return this.speeds[speedKey(adapter)];
  }

  async speed(): Promise<Speed> {
    const { adapter } = await this.opened();
    return this.speedOf(adapter) ?? this.measure();
  }

  /** Measures the device anew, and keeps the result. Takes a second or more. */
  measure(): Promise<Speed> {
    this.measuring ??= this.measureNow().finally(() => (this.measuring = undefined));
    return this.measuring;
  }

  private async measureNow(): Promise<Speed> {
    const { adapter } = await this.opened();
    const flopsPerSecond = await this.shortly((gpu) => measureRate(gpu));
    const speed = { flopsPerSecond, measuredAt: Date.now() };
    this.speeds = { ...this.speeds, [speedKey(adapter)]: speed };
    try {
      await mkdir(dirname(this.speedFile), { recursive: true });
      await writeFileAtomic(this.speedFile, `${JSON.stringify(this.speeds, null, 2)}\n`);
    } catch {
      // It is measured again next time.
    }
    this.changed();
    return speed;
  }

  private get speedFile(): string {
    return join(this.cacheFolder, 'device-speed.json');
  }

  async readSpeeds(): Promise<void> {
    try {
      this.speeds = speedSchema.parse(JSON.parse(await readFile(this.speedFile, 'utf8')));
    } catch {
      this.speeds = {};
    }
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    this.current?.gpu.close();
    this.current = undefined;
  }

  private async openNow(): Promise<OpenDevice> {
    try {
      const adapters = await this.list();
      const { device } = this.settings.current;
      const wanted = device === null ? undefined : adapters.find(({ name }) => name === device);
      const adapter = wanted ?? pickAdapter(adapters);
      if (device !== null && !wanted) this.tellOther(device, adapter.name);
      else this.warnings.over('device-gone');
      const gpu = await Gpu.open(await adapter.request());
      const opened = { gpu, adapter };
      if (this.closed) {
        gpu.close();
        throw new UserError('The engine ends.');
      }
      this.current = opened;
      this.openedFor = device;
      this.problem = undefined;
      this.lost = false;
      this.tries = 0;
      clearTimeout(this.retry);
      this.retry = undefined;
      this.warnings.over('device-lost');
      void gpu.lost.then((error) => this.wasLost(opened, error.message));
      this.changed();
      return opened;
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      this.problem = error instanceof UserError ? said : `The graphics device cannot be opened (${said}).`;
      this.changed();
      throw error instanceof UserError ? error : new UserError(this.problem);
    }
  }

  private tellOther(wanted: string, taken: string): void {
    this.warnings.raise({
      code: 'device-gone',
      severity: 'warning',
      title: `The device ${wanted} is not there.`,
      message: `${taken} computes in its place. Choose another device in the settings, or connect that one again.`,
      actions: [{ kind: 'choose-device' }],
    });
  }

  private wasLost(opened: OpenDevice, message: string): void {
    if (this.closed || this.current !== opened) return;
    this.current = undefined;
    this.lost = true;
    this.warnings.raise({
      code: 'device-lost',
      severity: 'error',
      title: `${opened.adapter.name} stopped answering.`,
      message:
        'Its driver reset it, or it was disconnected. It is being opened anew, and a run that was going goes on from its last ' +
        'checkpoint. If it comes back: update the driver, or leave more memory free for the screen in the settings.',
      detail: message,
      actions: [{ kind: 'choose-device' }],
    });
    this.changed();
    this.seek();
  }

  /** Looks for a device that is not there until it is, however long that takes. */
  seek(): void {
    if (this.retry || this.opening || this.current || this.closed) return;
    this.retry = setTimeout(() => void this.tryAgain(), WAITS[this.tries++] ?? LATER_MS).unref();
  }

  private async tryAgain(): Promise<void> {
    this.retry = undefined;
    const isOpen = await this.opened().then(
      () => true,
      () => false,
    );
    if (isOpen) return;
    if (this.lost && this.tries >= WAITS.length) {
      // It is no longer a matter of seconds: what there is to do is said by the problem.
      this.lost = false;
      this.changed();
    }
    this.seek();
  }
}
