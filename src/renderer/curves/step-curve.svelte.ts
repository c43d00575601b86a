/** Values of a run's steps: the whole in buckets, and what is zoomed into in more detail; both go on as steps come. */
import { stepSeries, type TopicValue } from '../../engine/protocol';
import { append, type Range, type XUnit } from '../charts';
import { engine } from '../state';
import { Follower } from '../state/follower';
import type { Steps } from './measured';
import { placesOf } from './places';

interface Detail {
  unit: XUnit;
  range: Range;
  /** It reaches to the last step, so that new ones belong to it. */
  isOpen: boolean;
  steps: Steps;
}

/** Points across a chart; more are not seen. */
const buckets = 1000;
/** Part of what is shown that is fetched on either side, so that moving a little needs no asking. */
const around = 0.25;
const series = [...stepSeries.options];

export class StepCurve {
  #whole = $state.raw<Steps>();
  #detail = $state.raw<Detail>();
  readonly #follower = new Follower((signal) => this.#fetch(signal));
  #run = '';

  /** All of it. */
  get whole(): Steps | undefined {
    return this.#whole;
  }

  /** What to draw where this part is shown. */
  shown(range: Range | null, unit: XUnit): Steps | undefined {
    return range && this.#covers(range, unit) ? this.#detail!.steps : this.#whole;
  }

  follow(run: string): () => void {
    this.#run = run;
    return this.#follower.follow(() => engine.subscribe('run.steps', run, (news) => this.#heard(news)));
  }

  /** Asks for more detail of a part, where there is more. */
  async look(range: Range, unit: XUnit, signal: AbortSignal): Promise<void> {
    const whole = this.#whole;
    // Nearly all of it is there in as much detail as can be seen.
    if (!whole || whole.stepsPerBucket === 1 || reached(whole, unit) < 1.5 * (range.to - range.from)) return;
    if (this.#covers(range, unit) && this.#isFine(range)) return;
    const margin = around * (range.to - range.from);
    const wanted = { from: Math.max(0, range.from - margin), to: range.to + margin };
    const steps = await engine.call('monitor.steps', { run: this.#run, series, unit, ...wanted, buckets }, { signal });
    const isOpen = steps.steps.at(-1) === steps.lastStep;
    this.#detail = { unit, range: wanted, isOpen, steps };
  }

  #covers(range: Range, unit: XUnit): boolean {
    const detail = this.#detail;
    return detail?.unit === unit && detail.range.from <= range.from && (detail.isOpen || detail.range.to >= range.to);
  }

  /** Another fetch would show nothing more. */
  #isFine({ from, to }: Range): boolean {
    const { range, steps } = this.#detail!;
    return steps.stepsPerBucket === 1 || (range.to - range.from) / (to - from) < 4 * (1 + 2 * around);
  }

  #heard(news: TopicValue<'run.steps'>): void {
    // The first of a subscription is empty, as is what tells that steps are void.
    if (news.steps.length === 0) return this.#follower.fetchAgain();
    if (this.#follower.isFetching || !this.#whole) return;
    const whole = append(this.#whole, news);
    const detail = this.#detail?.isOpen ? append(this.#detail.steps, news) : undefined;
    if (!whole || (this.#detail?.isOpen && !detail)) return this.#follower.fetchAgain();
    this.#whole = whole;
    if (detail) this.#detail = { ...this.#detail!, steps: detail };
  }

  async #fetch(signal: AbortSignal): Promise<void> {
    const whole = await engine.call('monitor.steps', { run: this.#run, series, unit: 'step', buckets }, { signal });
    this.#whole = whole;
    this.#detail = undefined;
  }
}

/** What an axis in this unit has reached. */
export const reached = (steps: Steps | undefined, unit: XUnit): number => (steps ? (placesOf(steps, unit).at(-1) ?? 0) : 0);
