import { DEFAULT_DESKTOP_SETTINGS, type DesktopSettings } from '../../engine/protocol';
import { engine } from './engine';
import { isDesktop } from './transport';

/** Sizes of everything that are offered. */
export const textScales = [0.75, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2] as const;

/** The window's settings: kept by the desktop, or in the library that is served. They act at once. */
class WindowSettings {
  #current = $state.raw<DesktopSettings>(DEFAULT_DESKTOP_SETTINGS);

  constructor() {
    engine.subscribe('desktop.settings', (settings) => (this.#current = settings));
  }

  get current(): DesktopSettings {
    return this.#current;
  }

  /** The next size of everything, larger (1) or smaller (-1). */
  async scale(by: 1 | -1): Promise<void> {
    const sizes = by > 0 ? textScales : textScales.toReversed();
    const next = sizes.find((size) => by * (size - this.#current.textScale) > 1e-6);
    if (next !== undefined) await this.change({ textScale: next });
  }

  async change(change: Partial<DesktopSettings>): Promise<void> {
    this.#current = { ...this.#current, ...change };
    await engine.call('desktop.setSettings', change);
  }
}

export const windowSettings = new WindowSettings();

/** Puts the theme on the page and keeps it there; in a browser the text's size too (the desktop zooms by itself). */
export function followAppearance(): void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const apply = () => {
    const { theme, textScale } = windowSettings.current;
    const shown = theme === 'system' ? (dark.matches ? 'dark' : 'light') : theme;
    document.documentElement.dataset.theme = shown;
    if (!isDesktop) document.documentElement.style.setProperty('zoom', String(textScale));
  };
  dark.addEventListener('change', apply);
  $effect.root(() => {
    $effect(apply);
  });
  apply();
}
