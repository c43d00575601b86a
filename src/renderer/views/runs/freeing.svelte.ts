/** Which checkpoints of one run are to stay, and what deleting the others would free. */
import type { Result, RunDetail } from '../../../engine/protocol';
import { engine, toasts } from '../../state';
import { bytes } from '../../state/words';

type Saved = RunDetail['saved'][number];

export class Freeing {
  #saved = $state.raw<readonly Saved[]>([]);
  #kept = $state.raw<ReadonlySet<number>>(new Set());
  #told = $state.raw<Result<'runs.freeCheckpoints'>>();
  #working = $state(false);
  readonly #closed = new AbortController();
  #asking: AbortController | undefined;

  /** Nothing more is heard of the run once `close` was called. */
  constructor(
    readonly run: string,
    private readonly failed: (error: unknown) => void,
  ) {
    const { signal } = this.#closed;
    engine.call('runs.get', { run }, { signal }).then(
      ({ saved }) => {
        this.#saved = saved;
        this.#keep(saved.filter(({ kept }) => kept).map(({ step }) => step));
      },
      (error) => !signal.aborted && failed(error),
    );
  }

  get saved(): readonly Saved[] {
    return this.#saved;
  }
  /** What would be deleted as it is marked now; undefined: not known yet. */
  get told(): Result<'runs.freeCheckpoints'> | undefined {
    return this.#told;
  }
  get working(): boolean {
    return this.#working;
  }
  /** From it the run can go on, so it stays. */
  get last(): number | undefined {
    return this.#saved.at(-1)?.step;
  }
  get best(): number | undefined {
    return this.#saved.reduce<Saved | undefined>((most, each) => ((each.knn ?? -1) > (most?.knn ?? -1) ? each : most), undefined)?.step;
  }

  isKept(step: number): boolean {
    return step === this.last || this.#kept.has(step);
  }

  flip(step: number): void {
    const next = new Set(this.#kept);
    if (!next.delete(step)) next.add(step);
    this.#keep(next);
  }

  /** Deletes what was told. */
  async free(): Promise<boolean> {
    if (!this.#told) return false;
    this.#working = true;
    try {
      const { bytes: freed } = await engine.call('runs.freeCheckpoints', { run: this.run, keepSteps: [...this.#kept], dryRun: false });
      toasts.say(`${bytes(freed)} of ${this.run} are free.`, { tone: 'good' });
      return true;
    } catch (error) {
      this.failed(error);
      return false;
    } finally {
      this.#working = false;
    }
  }

  close(): void {
    this.#closed.abort();
    this.#asking?.abort();
  }

  /** Told before it is done. */
  #keep(steps: Iterable<number>): void {
    this.#kept = new Set(steps);
    this.#told = undefined;
    this.#asking?.abort();
    const { signal } = (this.#asking = new AbortController());
    engine.call('runs.freeCheckpoints', { run: this.run, keepSteps: [...this.#kept], dryRun: true }, { signal }).then(
      (answer) => (this.#told = answer),
      (error) => !signal.aborted && this.failed(error),
    );
  }
}
