/** What student and teacher will see of one picture, asked anew with each change; the answer before stays until then. */
import type { OptionValues, Result } from '../../../engine/protocol';
import { engine, EngineError } from '../../state';

export type Preview = Result<'recipes.preview'>;
export type Draws = Result<'recipes.draws'>;

/** Options that change crops or masks; others need no new pictures. */
const SEEN = [
  'patch_size',
  'global_crops_number',
  'global_crops_scale',
  'global_crops_size',
  'local_crops_number',
  'local_crops_scale',
  'local_crops_size',
  'blur_radius',
  'use_masked_im_modeling',
  'pred_ratio',
  'pred_ratio_var',
  'pred_shape',
  'pred_aspect_ratio',
  'seed',
];
const pictureSize = 512;

export class PreviewState {
  place = $state(0);
  draw = $state(0);
  #shown = $state.raw<Preview>();
  #draws = $state.raw<Draws>();
  #fresh = $state(false);
  #error = $state<string>();
  #wanted: string | undefined;
  #abort: AbortController | undefined;

  get shown(): Preview | undefined {
    return this.#shown;
  }
  get draws(): Draws | undefined {
    return this.#draws;
  }
  get fresh(): boolean {
    return this.#fresh;
  }
  get error(): string | undefined {
    return this.#error;
  }

  /** What of a recipe can be seen, as one value to compare. */
  static key(recipe: OptionValues): string {
    return JSON.stringify(SEEN.map((name) => recipe[name]));
  }

  step(by: number): void {
    const total = this.#shown?.total ?? 1;
    this.place = (this.place + by + total) % total;
  }

  drawAgain(): void {
    this.draw += 1;
  }

  /** Asks, unless that is what was asked last; what was asked before is forgotten. */
  ask(dataset: string, recipe: OptionValues): void {
    const wanted = JSON.stringify([dataset, PreviewState.key(recipe), this.place, this.draw]);
    if (wanted === this.#wanted) return;
    this.forget();
    const abort = new AbortController();
    this.#abort = abort;
    this.#wanted = wanted;
    this.#fresh = false;
    engine
      .call(
        'recipes.preview',
        { dataset, recipe, places: [this.place], draw: this.draw, size: pictureSize },
        { signal: abort.signal },
      )
      .then(
        (shown) => {
          this.#shown = shown;
          this.#fresh = true;
          this.#error = undefined;
        },
        (error: unknown) => {
          if (this.#abort === abort) this.#wanted = undefined;
          this.#failed(error);
        },
      );
  }

  /** Nothing is waited for any more. */
  forget(): void {
    this.#abort?.abort();
    this.#wanted = undefined;
  }

  askDraws(recipe: OptionValues): () => void {
    const abort = new AbortController();
    engine.call('recipes.draws', { recipe }, { signal: abort.signal }).then(
      (draws) => (this.#draws = draws),
      (error: unknown) => this.#failed(error),
    );
    return () => abort.abort();
  }

  #failed(error: unknown): void {
    if (error instanceof EngineError && error.code === 'cancelled') return;
    this.#error = error instanceof Error ? error.message : String(error);
  }
}
