import type { Change } from '../../../engine/protocol';
import { engine, EngineError, toasts } from '../../state';

interface Done {
  undo: number;
  text: string;
}

/** What was changed in a dataset here, so that it can be taken back, and done again. */
export class Changes {
  #done = $state.raw<readonly Done[]>([]);
  #undone = $state.raw<readonly Done[]>([]);

  constructor(
    readonly dataset: string,
    /** After each change. */
    private readonly changed: () => void = () => undefined,
  ) {}

  get canUndo(): boolean {
    return this.#done.length > 0;
  }

  /** Carries a change out and says what it did, with Undo beside it; `quiet`: it can be seen where it was done. Failures are told. */
  async make<Made extends Change>(
    work: Promise<Made>,
    say: (made: Made) => string,
    { quiet = false } = {},
  ): Promise<Made | undefined> {
    try {
      const made = await work;
      const text = say(made);
      const done = { undo: made.undo, text };
      this.#done = [...this.#done, done].slice(-50);
      this.#undone = [];
      this.changed();
      if (!quiet) toasts.say(text, { action: { label: 'Undo', run: () => void this.undo(done) } });
      return made;
    } catch (error) {
      toasts.fail(error);
      return undefined;
    }
  }

  /** The last one, or one of those before it. */
  undo(which = this.#done.at(-1)): Promise<void> {
    const last = which && this.#done.includes(which) ? which : undefined;
    if (!last) return Promise.resolve();
    this.#done = this.#done.filter((each) => each !== last);
    return this.#reverse(last, 'Taken back', {
      keep: (again) => (this.#undone = [...this.#undone, again]),
      refused: () => (this.#done = inOrder([...this.#done, last])),
    });
  }

  redo(): Promise<void> {
    const last = this.#undone.at(-1);
    if (!last) return Promise.resolve();
    this.#undone = this.#undone.slice(0, -1);
    return this.#reverse(last, 'Done again', {
      keep: (again) => (this.#done = [...this.#done, again]),
      refused: () => (this.#undone = inOrder([...this.#undone, last])),
    });
  }

  async #reverse(
    { undo, text }: Done,
    word: string,
    { keep, refused }: { keep(again: Done): void; refused(): void },
  ): Promise<void> {
    try {
      const change = await engine.call('datasets.undo', { dataset: this.dataset, undo });
      keep({ undo: change.undo, text });
      this.changed();
      toasts.say(`${word}: ${text}`);
    } catch (error) {
      // Another change has to be taken back first; then this one can be.
      if (error instanceof EngineError && error.code === 'user') refused();
      toasts.fail(error);
    }
  }
}

/** By when they were made. */
const inOrder = (changes: Done[]): Done[] => changes.sort((a, b) => a.undo - b.undo);
