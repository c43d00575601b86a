/** The second step: a fitted run on the pictures that are there, within the time that one has. */
import type { Dataset, OptionValues, Result } from '../../../engine/protocol';
import { engine, EngineError, go, href, toasts } from '../../state';

export type Model = Result<'recipes.schema'>['models'][number];
type Check = Result<'recipes.check'>;

const settleMs = 150;

export class Pretrain {
  hours = $state<number | null>(null);
  /** Undefined: what fits. */
  model = $state.raw<Model>();
  starting = $state(false);
  #models = $state.raw<readonly Model[]>([]);
  #check = $state.raw<Check>();
  #problem = $state<string>();

  get models(): readonly Model[] {
    return this.#models;
  }
  get check(): Check | undefined {
    return this.#check;
  }
  /** Why it cannot begin, in a sentence. */
  get problem(): string | undefined {
    return this.#check?.problems[0]?.message ?? this.#problem;
  }

  loadModels(): void {
    engine.call('recipes.schema', {}).then(
      ({ models }) => (this.#models = models),
      (error) => toasts.fail(error),
    );
  }

  #options(): OptionValues {
    return { ...this.model?.options };
  }

  /** What it comes to; gives back how to forget the question. */
  ask({ dataset }: Dataset): () => void {
    const abort = new AbortController();
    const draft = { dataset, preset: 'auto', hours: this.hours, options: this.#options() };
    const timer = setTimeout(() => {
      engine.call('recipes.check', draft, { signal: abort.signal }).then(
        (check) => {
          this.#check = check;
          this.#problem = undefined;
        },
        (error: unknown) => {
          if (error instanceof EngineError && error.code === 'cancelled') return;
          this.#check = undefined;
          this.#problem = error instanceof Error ? error.message : String(error);
        },
      );
    }, settleMs);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }

  async start({ dataset }: Dataset): Promise<void> {
    if (!this.#check?.recipe) return;
    this.starting = true;
    try {
      const draft = { dataset, preset: 'auto', hours: this.hours, options: this.#options() };
      const { run } = await engine.call('runs.start', { name: this.#check.suggestedName, draft });
      go(href('run', run));
    } catch (error) {
      toasts.fail(error);
    }
    this.starting = false;
  }
}
