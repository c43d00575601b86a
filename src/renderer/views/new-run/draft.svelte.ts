/** What somebody is putting together: kept while other views are looked at, and asked about at each change. */
import type { Draft, OptionValue, OptionValues, Result } from '../../../engine/protocol';
import { engine, EngineError } from '../../state';
import { sameValue } from './values';

export type Schema = Result<'recipes.schema'>;
export type Check = Result<'recipes.check'>;

/** What may be changed of a draft and taken back. */
interface Wish {
  dataset: string | undefined;
  preset: string;
  hours: number | null;
  options: OptionValues;
  /** The run whose options were copied. */
  copiedFrom: string | undefined;
}

const settleMs = 120;
const mostSteps = 100;

class NewRunDraft {
  #wish = $state.raw<Wish>({ dataset: undefined, preset: 'auto', hours: null, options: {}, copiedFrom: undefined });
  #past = $state.raw<readonly Wish[]>([]);
  #schema = $state.raw<Schema>();
  #check = $state.raw<Check>();
  #fresh = $state(false);
  #error = $state.raw<{ message: string; detail: string | undefined }>();
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
  /** The last answer; of an older question while `fresh` is false. */
  get check(): Check | undefined {
    return this.#check;
  }
  get fresh(): boolean {
    return this.#fresh;
  }
  /** Why there is no answer, in a sentence. */
  get error(): { message: string; detail: string | undefined } | undefined {
    return this.#error;
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

  /** Asks what the draft comes to; gives back how to forget the question. The answer before stays until then. */
  ask(draft: Draft): () => void {
    const abort = new AbortController();
    this.#fresh = false;
    const timer = setTimeout(() => {
      engine.call('recipes.check', draft, { signal: abort.signal }).then(
        (check) => {
          if (abort.signal.aborted) return;
          this.#check = check;
          this.#fresh = true;
          this.#error = undefined;
        },
        (error: unknown) => {
          if (abort.signal.aborted || (error instanceof EngineError && error.code === 'cancelled')) return;
          const detail = error instanceof EngineError ? error.detail : undefined;
          this.#error = { message: error instanceof Error ? error.message : String(error), detail };
          this.#check = undefined;
          this.#fresh = true;
        },
      );
    }, settleMs);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }
}

export const newRun = new NewRunDraft();
