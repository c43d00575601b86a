/** What a run that somebody puts together comes to, asked anew at each change. */
import type { Draft, Result } from '../../engine/protocol';
import { engine, EngineError } from './engine';

const settleMs = 120;

export class RecipeCheck {
  #answer = $state.raw<Result<'recipes.check'>>();
  #error = $state.raw<EngineError>();
  #fresh = $state(false);

  /** The last answer; of an older question while `fresh` is false. */
  get answer(): Result<'recipes.check'> | undefined {
    return this.#answer;
  }
  /** Why there is no answer. */
  get error(): EngineError | undefined {
    return this.#error;
  }
  get fresh(): boolean {
    return this.#fresh;
  }

  /** Gives back how to forget the question. The answer before stays until then. */
  ask(draft: Draft): () => void {
    const abort = new AbortController();
    const { signal } = abort;
    this.#fresh = false;
    const timer = setTimeout(() => {
      engine.call('recipes.check', draft, { signal }).then(
        (answer) => this.#settle(answer, undefined),
        (error: EngineError) => !signal.aborted && this.#settle(undefined, error),
      );
    }, settleMs);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }

  #settle(answer: Result<'recipes.check'> | undefined, error: EngineError | undefined): void {
    this.#answer = answer;
    this.#error = error;
    this.#fresh = true;
  }
}
