import { setNote } from '../../state/run-actions';

/** What could not be saved, by run, until somebody comes back to it. */
const unsaved = new Map<string, string>();

/** A run's note while somebody types: what is here stays until it is saved, whatever comes from elsewhere meanwhile. */
export class Note {
  #typed = $state<string>();
  /** What is on its way. */
  #sent: string | undefined;

  constructor(readonly run: string) {
    this.#typed = unsaved.get(run);
  }

  /** Undefined: what was saved last. */
  get typed(): string | undefined {
    return this.#typed;
  }
  set typed(text: string | undefined) {
    this.#typed = text;
  }

  /** @param saved the note as it is known now */
  async keep(saved: string): Promise<void> {
    const text = this.#typed;
    if (text === undefined || text === this.#sent) return;
    unsaved.set(this.run, text);
    this.#sent = text;
    const isSaved = text === saved || (await setNote(this.run, text));
    this.#sent = undefined;
    if (!isSaved) return;
    if (unsaved.get(this.run) === text) unsaved.delete(this.run);
    if (this.#typed === text) this.#typed = undefined;
  }
}
