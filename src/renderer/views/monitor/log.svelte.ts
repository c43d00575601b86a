/** A run's log: its last lines, and those before them when somebody asks. */
import type { LogLine, TopicValue } from '../../../engine/protocol';
import { engine } from '../../state';
import { Follower } from '../../state/follower';

const page = 500;

export class RunLog {
  #lines = $state.raw<readonly LogLine[]>([]);
  #total = $state(0);
  #run = '';
  readonly #follower = new Follower((signal) => this.#fetch(signal));

  get lines(): readonly LogLine[] {
    return this.#lines;
  }
  get last(): LogLine | undefined {
    return this.#lines.at(-1);
  }
  /** Lines before those that are here. */
  get earlier(): number {
    return Math.max(0, this.#total - this.#lines.length);
  }

  follow(run: string): () => void {
    this.#run = run;
    return this.#follower.follow(() => engine.subscribe('run.log', run, (news) => this.#heard(news)));
  }

  async showEarlier(): Promise<void> {
    const from = Math.max(0, this.earlier - page);
    const count = this.earlier - from;
    if (count === 0) return;
    const { lines } = await engine.call('monitor.log', { run: this.#run, from, count });
    // Asked twice, or all was fetched anew meanwhile.
    if (this.earlier === from + count) this.#lines = [...lines, ...this.#lines];
  }

  #heard({ total, lines }: TopicValue<'run.log'>): void {
    if (lines.length === 0 || total !== this.#total + lines.length) return this.#follower.fetchAgain();
    if (this.#follower.isFetching) return;
    this.#total = total;
    this.#lines = [...this.#lines, ...lines];
  }

  async #fetch(signal: AbortSignal): Promise<void> {
    const { total } = await engine.call('monitor.log', { run: this.#run, from: 0, count: 1 }, { signal });
    const from = Math.max(0, total - page);
    const { lines } = await engine.call('monitor.log', { run: this.#run, from, count: 2 * page }, { signal });
    this.#total = from + lines.length;
    this.#lines = lines;
  }
}
