import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../formats';
import { addToLayout, readDesktopSettings, windowLayout, type DesktopSettings, type WindowLayout } from '../protocol';

/** Theme, text size and layout of the browsers' windows, kept in the library: one for all who look at it. */
export class WindowState {
  readonly #listeners = new Set<(settings: DesktopSettings) => void>();
  #writing: Promise<void> = Promise.resolve();

  private constructor(
    readonly file: string,
    private settingsNow: DesktopSettings,
    private layoutNow: WindowLayout,
  ) {}

  /** What does not fit (any more) is as at first. */
  static async read(file: string): Promise<WindowState> {
    const stored = z.object({ settings: z.unknown(), layout: windowLayout.catch({}) });
    let value: unknown;
    try {
      value = JSON.parse(await readFile(file, 'utf8'));
    } catch {
      // None yet, or broken.
    }
    const { settings, layout } = stored.safeParse(value).data ?? { settings: {}, layout: {} };
    return new WindowState(file, readDesktopSettings(settings), layout);
  }

  get settings(): DesktopSettings {
    return this.settingsNow;
  }

  get layout(): WindowLayout {
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

  async addLayout(layout: WindowLayout): Promise<void> {
    this.layoutNow = addToLayout(this.layoutNow, layout);
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
