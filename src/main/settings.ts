import Store from 'electron-store';
import { z } from 'zod';
import { addToLayout, desktopSettings, readDesktopSettings, windowLayout, type DesktopSettings, type WindowLayout } from '../engine/protocol';

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
  #layout: WindowLayout;

  constructor() {
    this.#current = readDesktopSettings(this.#store.get('settings'));
    this.#layout = windowLayout.safeParse(this.#store.get('layout')).data ?? {};
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

  get layout(): WindowLayout {
    return this.#layout;
  }

  addLayout(layout: WindowLayout): void {
    this.#layout = addToLayout(this.#layout, layout);
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
