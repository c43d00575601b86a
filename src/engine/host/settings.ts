/** The engine's settings, kept in the library. */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { writeFileAtomic } from '../formats';
import { settings as settingsSchema, type Result, type Settings } from '../protocol';
import { OneAtATime } from './one-at-a-time';

export const DEFAULT_SETTINGS: Settings = {
  device: null,
  screenMemoryBytes: 512 * 2 ** 20,
  deviceMemoryBytes: null,
  workers: 0,
  whileLooking: 'share',
};

/** Threads that read pictures where nobody said how many (as `DecodePool` has it). */
const automaticWorkers = (): number => Math.max(1, availableParallelism() - 1);

export class SettingsStore {
  private readonly listeners = new Set<() => void>();
  private readonly changes = new OneAtATime();

  private constructor(
    private readonly file: string,
    private values: Settings,
  ) {}

  /** What does not fit (any more) is as at first. */
  static async read(file: string): Promise<SettingsStore> {
    let stored: Record<string, unknown> = {};
    try {
      stored = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    } catch {
      // None yet, or broken.
    }
    const kept = Object.entries(settingsSchema.shape).filter(([key, schema]) => schema.safeParse(stored?.[key]).success);
    const known = Object.fromEntries(kept.map(([key]) => [key, stored[key]]));
    return new SettingsStore(file, { ...DEFAULT_SETTINGS, ...known });
  }

  get current(): Settings {
    return this.values;
  }

  get state(): Result<'settings.set'> {
    const workers = { cores: availableParallelism(), automatic: automaticWorkers() };
    return { settings: this.values, defaults: DEFAULT_SETTINGS, workers };
  }

  change(change: Partial<Settings>): Promise<void> {
    return this.changes.run(async () => {
      const next = { ...this.values, ...change };
      await writeFileAtomic(this.file, `${JSON.stringify(next, null, 2)}\n`);
      this.values = next;
      for (const listener of this.listeners) listener();
    });
  }

  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }
}
