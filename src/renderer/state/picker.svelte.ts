/** What is to be picked on the engine's machine, where there is no native dialog. */
export interface PickRequest {
  kind: 'folder' | 'file';
  title: string;
  /** Where to begin. */
  start?: string;
  /** Of files, without dots; empty: all. */
  endings: readonly string[];
}

class Picker {
  #request = $state.raw<PickRequest>();
  #answer: ((path: string | null) => void) | undefined;

  /** What the dialog shows; undefined: it is closed. */
  get request(): PickRequest | undefined {
    return this.#request;
  }

  /** Opens the dialog. Null: dismissed, or another one was asked for. */
  ask(request: PickRequest): Promise<string | null> {
    this.answer(null);
    this.#request = request;
    return new Promise((resolve) => (this.#answer = resolve));
  }

  answer(path: string | null): void {
    this.#request = undefined;
    this.#answer?.(path);
    this.#answer = undefined;
  }
}

export const picker = new Picker();
