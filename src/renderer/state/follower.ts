import { EngineError } from './engine';
import { toasts } from './notices.svelte';

/** A pause between two fetches, so that what goes wrong does not ask without end. */
const pauseMs = 500;

/** Fetches something of a run whenever it is told to, once at a time, as long as somebody follows. */
export class Follower {
  #abort: AbortController | undefined;
  #isFetching = false;
  #isAsked = false;

  constructor(private readonly fetch: (signal: AbortSignal) => Promise<void>) {}

  get isFetching(): boolean {
    return this.#isFetching;
  }

  /** Hears until the function that comes back is called. */
  follow(subscribe: () => () => void): () => void {
    const abort = new AbortController();
    this.#abort = abort;
    this.#isFetching = false;
    this.#isAsked = false;
    const stop = subscribe();
    return () => {
      stop();
      abort.abort();
      if (this.#abort === abort) this.#abort = undefined;
    };
  }

  fetchAgain(): void {
    this.#isAsked = true;
    if (!this.#isFetching) void this.#work(this.#abort);
  }

  async #work(abort: AbortController | undefined): Promise<void> {
    if (!abort) return;
    this.#isFetching = true;
    while (this.#isAsked && this.#abort === abort) {
      this.#isAsked = false;
      try {
        await this.fetch(abort.signal);
      } catch (error) {
        // The run may be gone, or the engine is started anew: what is heard next asks again.
        const isKnown = error instanceof EngineError && ['cancelled', 'not-found', 'gone'].includes(error.code);
        if (!isKnown) toasts.fail(error);
      }
      if (this.#isAsked) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    if (this.#abort === abort) this.#isFetching = false;
  }
}
