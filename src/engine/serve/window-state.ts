import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../formats';
import { desktopMethods, desktopSettings, type DesktopSettings } from '../protocol';

const DEFAULTS: DesktopSettings = { theme: 'system', textScale: 1, keepAwake: true, notifyWhenRunEnds: true, onClose: 'ask' };
const MOST_ENTRIES = 1000;

const layoutSchema = desktopMethods['desktop.layout'].result;
type Layout = z.infer<typeof layoutSchema>;

/** Theme, text size and layout of the browsers' windows, kept in the library: one for all who look at it. */
export class WindowState {
  readonly #listeners = new Set<(settings: DesktopSettings) => void>();
  #writing: Promise<void> = Promise.resolve();

  private constructor(
    readonly file: string,
    private settingsNow: DesktopSettings,
    private layoutNow: Layout,
  ) {}

  /** What does not fit (any more) is as at first. */
  static async read(file: string): Promise<WindowState> {
    const stored = z.object({ settings: z.record(z.string(), z.unknown()).catch({}), layout: layoutSchema.catch({}) });
    let value: unknown;
    try {
      value = JSON.parse(await readFile(file, 'utf8'));
    } catch {
      // None yet, or broken.
    }
    const { settings, layout } = stored.safeParse(value).data ?? { settings: {}, layout: {} };
    const kept = Object.entries(desktopSettings.shape).filter(([key, schema]) => schema.safeParse(settings[key]).success);
    return new WindowState(file, { ...DEFAULTS, ...Object.fromEntries(kept.map(([key]) => [key, settings[key]])) }, layout);
  }

  get settings(): DesktopSettings {
    return this.settingsNow;
  }

  get layout(): Layout {
    return this.layoutNow;
  }

  async change(change: Partial<DesktopSettings>): Promise<DesktopSettings> {
    this.settingsNow = { ...this.settingsNow, ...change };
    for (const listener of this.#listeners) listener(this.settingsNow);
    await this.#write();
    return this.settingsNow;
  }

  onChange(listener: (settings: DesktopSettings) => void): void {
    this.#listeners.add(listener);
  }

  async addLayout(layout: Layout): Promise<void> {
    this.layoutNow = Object.fromEntries(Object.entries({ ...this.layoutNow, ...layout }).slice(-MOST_ENTRIES));
    await this.#write();
  }

  /** One after the other; the last one has it all. */
  #write(): Promise<void> {
    const write = async (): Promise<void> => {
      await mkdir(dirname(this.file), { recursive: true });
      await writeFileAtomic(this.file, `${JSON.stringify({ settings: this.settingsNow, layout: this.layoutNow }, null, 2)}\n`);
    };
    const written = this.#writing.then(write);
    this.#writing = written.catch(() => undefined);
    return written;
  }
}
