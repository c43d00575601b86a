import { EngineError } from './engine';

/** Something that is said once at the lower edge, and goes away by itself unless it is a failure. */
export interface Toast {
  id: number;
  tone: 'plain' | 'good' | 'error';
  text: string;
  detail?: string;
  /** "Undo" and the like. */
  action?: { label: string; run(): void };
}

const shownMs = 6000;

class Toasts {
  #list = $state.raw<readonly Toast[]>([]);
  #next = 1;

  get list(): readonly Toast[] {
    return this.#list;
  }

  say(text: string, more: Partial<Omit<Toast, 'id' | 'text'>> = {}): void {
    const toast: Toast = { id: this.#next++, tone: 'plain', text, ...more };
    this.#list = [...this.#list.slice(-3), toast];
    if (toast.tone !== 'error') setTimeout(() => this.dismiss(toast.id), shownMs);
  }

  /** Tells why something failed, in the error's own sentence. What was cancelled is not told. */
  fail(error: unknown): void {
    if (error instanceof EngineError && error.code === 'cancelled') return;
    // Several calls are lost at once, and the status bar tells for how long it lasts.
    if (error instanceof EngineError && error.code === 'gone') return this.#sayOnce(error.message);
    const { message, detail } = error instanceof EngineError ? error : { message: String(error), detail: undefined };
    this.say(message, { tone: 'error', ...(detail ? { detail } : {}) });
  }

  #sayOnce(text: string): void {
    if (!this.#list.some((toast) => toast.text === text)) this.say(text);
  }

  dismiss(id: number): void {
    this.#list = this.#list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();

/** Says whether it was done; why not, is told. */
export async function attempt(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    toasts.fail(error);
    return false;
  }
}
