import { engine } from './engine';

type Value = number | boolean | string;

const saveAfterMs = 400;

/** Widths and open states of panels, remembered by name over restarts. */
class Layout {
  #values = $state<Record<string, Value>>({});
  #changed: Record<string, Value> = {};
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Before the first view is drawn, or panels would jump. Fails never: then everything is as at first. */
  async load(): Promise<void> {
    try {
      this.#values = { ...(await engine.call('desktop.layout', {})) };
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
    engine.call('desktop.setLayout', changed).catch((error) => reportError(error));
  }
}

export const layout = new Layout();
