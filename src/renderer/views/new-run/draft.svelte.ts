/** What somebody is putting together: kept while other views are looked at, and asked about at each change. */
import type { Draft, OptionValue, OptionValues, Result } from '../../../engine/protocol';
import { engine, type EngineError } from '../../state';
import { sameValue } from '../../state/option-values';
import { RecipeCheck } from '../../state/recipe-check.svelte';

export type Schema = Result<'recipes.schema'>;

/** What may be changed of a draft and taken back. */
interface Wish {
  dataset: string | undefined;
  preset: string;
  hours: number | null;
  options: OptionValues;
  /** The run whose options were copied. */
  copiedFrom: string | undefined;
}

const mostSteps = 100;

class NewRunDraft {
  #wish = $state.raw<Wish>({ dataset: undefined, preset: 'auto', hours: null, options: {}, copiedFrom: undefined });
  #past = $state.raw<readonly Wish[]>([]);
  #schema = $state.raw<Schema>();
  readonly #check = new RecipeCheck();
  /** Set by hand; undefined: the suggested one. */
  name = $state<string>();

  get schema(): Schema | undefined {
    return this.#schema;
  }
  get dataset(): string | undefined {
    return this.#wish.dataset;
  }
  get preset(): string {
    return this.#wish.preset;
  }
  get hours(): number | null {
    return this.#wish.hours;
  }
  /** What was set by hand. */
  get options(): Readonly<OptionValues> {
    return this.#wish.options;
  }
  get copiedFrom(): string | undefined {
    return this.#wish.copiedFrom;
  }
  /** What it comes to; of an older question while `fresh` is false. */
  get check(): Result<'recipes.check'> | undefined {
    return this.#check.answer;
  }
  get fresh(): boolean {
    return this.#check.fresh;
  }
  /** Why that cannot be told. */
  get error(): EngineError | undefined {
    return this.#check.error;
  }
  get canUndo(): boolean {
    return this.#past.length > 0;
  }
  get changed(): number {
    return Object.keys(this.#wish.options).length;
  }
  get draft(): Draft | undefined {
    const { dataset, preset, hours, options } = this.#wish;
    return dataset === undefined ? undefined : { dataset, preset, hours, options };
  }

  async loadSchema(): Promise<void> {
    if (this.#schema) return;
    const schema = await engine.call('recipes.schema', {});
    this.#schema = schema;
    if (this.#past.length === 0 && this.changed === 0) this.#wish = { ...this.#wish, preset: schema.defaultPreset };
  }

  change(wish: Partial<Wish>): void {
    const next = { ...this.#wish, ...wish };
    if (sameValue(next, this.#wish)) return;
    this.#past = [...this.#past.slice(-mostSteps), this.#wish];
    this.#wish = next;
  }

  /** The first dataset that is offered is no decision of anybody's. */
  propose(dataset: string): void {
    this.#wish = { ...this.#wish, dataset };
  }

  /** Sets options by hand; null: back to what follows. */
  set(changes: Readonly<Record<string, OptionValue | null>>): void {
    const options = { ...this.#wish.options };
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) delete options[name];
      else options[name] = value;
    }
    this.change({ options });
  }

  undo(): void {
    const last = this.#past.at(-1);
    if (!last) return;
    this.#past = this.#past.slice(0, -1);
    this.#wish = last;
  }

  /** Everything as at first; the dataset stays. */
  reset(): void {
    this.change({ preset: this.#schema?.defaultPreset ?? 'auto', hours: null, options: {}, copiedFrom: undefined });
    this.name = undefined;
  }

  async copyRun(run: string, changes: OptionValues = {}): Promise<void> {
    const { dataset, preset, hours, options } = await engine.call('recipes.fromRun', { run });
    this.change({ dataset: dataset ?? this.dataset, preset, hours, options: { ...options, ...changes }, copiedFrom: run });
    this.name = undefined;
  }

  /** Asks what it comes to; gives back how to forget the question. */
  ask(draft: Draft): () => void {
    return this.#check.ask(draft);
  }
}

export const newRun = new NewRunDraft();
