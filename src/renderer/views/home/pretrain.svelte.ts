/** The second step: a fitted run on the pictures that are there, within the time that one has. */
import type { Dataset, Draft, Result } from '../../../engine/protocol';
import { attempt, engine, go, href, toasts } from '../../state';
import { RecipeCheck } from '../../state/recipe-check.svelte';

export type Model = Result<'recipes.schema'>['models'][number];

export class Pretrain {
  hours = $state<number | null>(null);
  /** Undefined: what fits. */
  model = $state.raw<Model>();
  starting = $state(false);
  #models = $state.raw<readonly Model[]>([]);
  readonly #check = new RecipeCheck();

  get models(): readonly Model[] {
    return this.#models;
  }
  get check(): Result<'recipes.check'> | undefined {
    return this.#check.answer;
  }
  /** Why it cannot begin, in a sentence. */
  get problem(): string | undefined {
    return this.check?.problems[0]?.message ?? this.#check.error?.message;
  }

  loadModels(): void {
    engine.call('recipes.schema', {}).then(
      ({ models }) => (this.#models = models),
      (error) => toasts.fail(error),
    );
  }

  #draft({ dataset }: Dataset): Draft {
    return { dataset, preset: 'auto', hours: this.hours, options: { ...this.model?.options } };
  }

  /** What it comes to; gives back how to forget the question. */
  ask(dataset: Dataset): () => void {
    return this.#check.ask(this.#draft(dataset));
  }

  async start(dataset: Dataset): Promise<void> {
    const { check } = this;
    if (!check?.recipe) return;
    this.starting = true;
    await attempt(async () => {
      const { run } = await engine.call('runs.start', { name: check.suggestedName, draft: this.#draft(dataset) });
      go(href('run', run));
    });
    this.starting = false;
  }
}
