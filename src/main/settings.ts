import Store from 'electron-store';
import { z } from 'zod';
import { desktopSettings, type DesktopSettings } from '../engine/protocol';

const defaults: DesktopSettings = { theme: 'system', textScale: 1, keepAwake: true, notifyWhenRunEnds: true, onClose: 'ask' };

const layoutSchema = z.record(z.string(), z.union([z.number(), z.boolean(), z.string()]));
type Layout = z.infer<typeof layoutSchema>;

const boundsSchema = z.strictObject({
  x: z.number().int().optional(),
  y: z.number().int().optional(),
  width: z.number().int().min(400),
  height: z.number().int().min(300),
  maximised: z.boolean(),
});
export type WindowBounds = z.infer<typeof boundsSchema>;

/** What the user chose and where the window was, kept in the user's profile. What does not fit (any more) is as at first. */
export class SettingsStore {
  readonly #store = new Store<Record<string, unknown>>({ name: 'settings', clearInvalidConfig: true });
  readonly #listeners = new Set<(settings: DesktopSettings) => void>();
  #current: DesktopSettings;
  #layout: Layout;

  constructor() {
    const stored = z.record(z.string(), z.unknown()).safeParse(this.#store.get('settings')).data ?? {};
    const kept = Object.entries(desktopSettings.shape).filter(([key, schema]) => schema.safeParse(stored[key]).success);
    this.#current = desktopSettings.parse({ ...defaults, ...Object.fromEntries(kept.map(([key]) => [key, stored[key]])) });
    this.#layout = layoutSchema.safeParse(this.#store.get('layout')).data ?? {};
  }

  get current(): DesktopSettings {
    return this.#current;
  }

  change(change: Partial<DesktopSettings>): DesktopSettings {
    this.#current = desktopSettings.parse({ ...this.#current, ...change });
    this.#store.set('settings', this.#current);
    for (const listener of this.#listeners) listener(this.#current);
    return this.#current;
  }

  onChange(listener: (settings: DesktopSettings) => void): void {
    this.#listeners.add(listener);
  }

  get layout(): Layout {
    return this.#layout;
  }

  /** Adds to what is remembered; at most a thousand entries. */
  addLayout(layout: Layout): void {
    const entries = Object.entries({ ...this.#layout, ...layout });
    this.#layout = Object.fromEntries(entries.slice(-1000));
    this.#store.set('layout', this.#layout);
  }

  /** The library's folder that was chosen; undefined: the usual one. */
  get library(): string | undefined {
    return z.string().safeParse(this.#store.get('library')).data;
  }

  set library(folder: string) {
    this.#store.set('library', folder);
  }

  get bounds(): WindowBounds {
    return boundsSchema.safeParse(this.#store.get('bounds')).data ?? { width: 1440, height: 900, maximised: false };
  }

  set bounds(bounds: WindowBounds) {
    this.#store.set('bounds', bounds);
  }
}
