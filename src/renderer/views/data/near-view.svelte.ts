import { untrack } from 'svelte';

/** Values kept; more than any screen shows, far less than a dataset has. */
const mostKept = 20_000;
const mostAsked = 1500;
/** Pictures on both sides that are asked for along with those that are missing: asking often costs more than asking for many. */
const askedAround = 400;

export interface Answer<T> {
  ids: Uint32Array;
  /** Of each. */
  values: readonly T[];
  /** Of the dataset that they were read from. */
  revision: number;
}

/** What is known of pictures, asked for in pieces as these come into view: one question at a time, always for where one is. */
export class NearView<T> {
  /** Of the dataset: what is known of another one is asked for again, and shown until then. */
  revision = $state(-1);
  #known = new Map<number, { value: T; revision: number }>();
  #version = $state(0);
  #asking = false;
  #wanted: [ids: Uint32Array, from: number, to: number] = [new Uint32Array(), 0, 0];
  readonly #ask: (ids: Uint32Array<ArrayBuffer>) => Promise<Answer<T> | undefined>;

  /** @param ask gives undefined where the answer has come to be of no use */
  constructor(ask: (ids: Uint32Array<ArrayBuffer>) => Promise<Answer<T> | undefined>) {
    this.#ask = ask;
  }

  /** As far as it is known; `want` fetches it. */
  get(id: number): T | undefined {
    return this.#version >= 0 ? this.#known.get(id)?.value : undefined;
  }

  clear(): void {
    this.#known.clear();
    this.#changed();
  }

  /** Sees to it that these places are known, of the present revision. */
  want(ids: Uint32Array, from: number, to: number): void {
    this.#wanted = [ids, from, to];
    const { revision } = this;
    if (this.#asking) return;
    const isMissing = (id: number) => this.#known.get(id)?.revision !== revision;
    if (!ids.subarray(from, to).some(isMissing)) return;
    const near = ids.subarray(Math.max(0, from - askedAround), to + askedAround).filter(isMissing);
    void this.#fetch(near.slice(0, mostAsked), revision);
  }

  async #fetch(ids: Uint32Array<ArrayBuffer>, revision: number): Promise<void> {
    let answer: Answer<T> | undefined;
    this.#asking = true;
    try {
      answer = await this.#ask(ids);
    } catch {
      return; // Asked again with the next move or change.
    } finally {
      this.#asking = false;
    }
    if (answer) this.#keep(answer);
    // Where one is by now. An engine that is ahead is followed once the dataset's topic says so.
    if (answer?.revision === this.revision || revision !== this.revision || !answer) this.want(...this.#wanted);
  }

  #keep({ ids, values, revision }: Answer<T>): void {
    ids.forEach((id, i) => {
      this.#known.delete(id);
      this.#known.set(id, { value: values[i]!, revision });
    });
    for (const id of this.#known.keys()) {
      if (this.#known.size <= mostKept) break;
      this.#known.delete(id);
    }
    this.#changed();
  }

  /** Effects that cause it do not depend on it. */
  #changed(): void {
    this.#version = untrack(() => this.#version) + 1;
  }
}
