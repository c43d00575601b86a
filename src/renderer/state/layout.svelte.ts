import { engine } from './engine';
import { isDesktop } from './transport';

type Value = number | boolean | string;

const storageKey = 'ibot-layout';
const saveAfterMs = 400;

/** Widths and open states of panels, remembered by name over restarts. */
class Layout {
  #values = $state<Record<string, Value>>({});
  #changed: Record<string, Value> = {};
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Before the first view is drawn, or panels would jump. Fails never: then everything is as at first. */
  async load(): Promise<void> {
    try {
      if (isDesktop) this.#values = { ...(await engine.call('desktop.layout', {})) };
      else this.#values = JSON.parse(localStorage.getItem(storageKey) ?? '{}') as Record<string, Value>;
    } catch {
      this.#values = {};
    }
  }

  number(name: string, otherwise: number): number {
    const value = this.#values[name];
    return typeof value === 'number' ? value : otherwise;
  }

  flag(name: string, otherwise: boolean): boolean {
    const value = this.#values[name];
    return typeof value === 'boolean' ? value : otherwise;
  }

  text(name: string, otherwise: string): string {
    const value = this.#values[name];
    return typeof value === 'string' ? value : otherwise;
  }

  set(name: string, value: Value): void {
    if (this.#values[name] === value) return;
    this.#values[name] = value;
    this.#changed[name] = value;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#save(), saveAfterMs);
  }

  #save(): void {
    const changed = this.#changed;
    this.#changed = {};
    if (isDesktop) engine.call('desktop.setLayout', changed).catch((error) => reportError(error));
    else localStorage.setItem(storageKey, JSON.stringify(this.#values));
  }
}

export const layout = new Layout();
