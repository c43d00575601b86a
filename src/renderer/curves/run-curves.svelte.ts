/** All that the charts of a run show, and what they share. */
import { place, type XUnit } from '../charts';
import { engine } from '../state';
import { Follower } from '../state/follower';
import { Axes } from './axes';
import type { Epochs, Frame } from './measured';
import { converted } from './places';
import { reached, StepCurve } from './step-curve.svelte';

export type Span = 'all' | 'so-far' | 'hour';

const points = 256;
const hour = 3600;

export class RunCurves extends Axes {
  readonly steps = new StepCurve();
  #epochs = $state.raw<Epochs>();
  #frame = $state.raw<Frame>();
  /** What part is followed; undefined: one that somebody chose. */
  #span = $state<Span | undefined>('all');
  #run = '';
  readonly #epochFollower = new Follower(async (signal) => {
    this.#epochs = await engine.call('monitor.epochs', { run: this.#run }, { signal });
    this.#frame = await engine.call('monitor.frame', { run: this.#run, points }, { signal });
  });

  constructor() {
    super('monitor');
    const { group } = this;
    group.describe = (x) => this.#describe(x);
    group.chosen = () => (this.#span = group.zoomed ? undefined : 'all');
  }

  get epochs(): Epochs | undefined {
    return this.#epochs;
  }
  get frame(): Frame | undefined {
    return this.#frame;
  }
  /** Steps as the charts draw them now. */
  get shown() {
    return this.steps.shown(this.group.zoomed, this.group.unit);
  }

  get span(): Span | undefined {
    return this.#span;
  }

  follow(run: string): () => void {
    this.#run = run;
    const stops = [
      this.steps.follow(run),
      this.#epochFollower.follow(() => engine.subscribe('run.epochs', run, () => this.#epochFollower.fetchAgain())),
    ];
    return () => stops.forEach((stop) => stop());
  }

  /** What stands still has changed after all: preparation measured it, or the run failed. */
  frameAgain(): void {
    this.#epochFollower.fetchAgain();
  }

  /** What is zoomed into stays. */
  override setUnit(unit: XUnit): void {
    const { group } = this;
    const { zoomed, unit: before } = group;
    const whole = this.steps.whole;
    super.setUnit(unit);
    this.fitWhole();
    const at = (x: number) => (whole ? converted(whole, x, before, unit) : x);
    group.zoom(zoomed && { from: at(zoomed.from), to: at(zoomed.to) });
  }

  setSpan(span: Span): void {
    this.#span = span;
    this.slide();
  }

  /** The whole axis reaches to the planned end; in time, to where that is expected. */
  fitWhole(secondsLeft: number | null = null): void {
    const { group } = this;
    const done = reached(this.steps.whole, group.unit);
    const planned = { epoch: this.#frame?.epochs ?? 0, step: this.#frame?.steps ?? 0, second: done + (secondsLeft ?? 0) }[group.unit];
    const to = Math.max(planned, done) || 1;
    // Time left is a guess that changes all the time; the axis need not.
    const isClose = group.unit === 'second' && to <= group.whole.to && to > 0.9 * group.whole.to;
    if (to !== group.whole.to && !isClose) group.whole = { from: 0, to };
  }

  /** Moves what is shown along with the run. */
  slide(): void {
    const { group, steps } = this;
    const { unit } = group;
    const to = reached(steps.whole, unit);
    if (this.#span === 'all') group.zoom(null);
    else if (this.#span === 'so-far' && to > 0) group.zoom({ from: 0, to });
    else if (this.#span === 'hour' && steps.whole && to > 0) {
      const seconds = reached(steps.whole, 'second');
      group.zoom({ from: converted(steps.whole, Math.max(0, seconds - hour), 'second', unit), to });
    }
  }

  /** Of a moment of the run, on an axis in this unit. */
  placeOf({ step, epoch }: { step: number; epoch: number }, unit: XUnit): number {
    const whole = this.steps.whole;
    return unit === 'step' ? step : unit === 'epoch' ? epoch : whole ? converted(whole, step, 'step', 'second') : 0;
  }

  /** "epoch 47 · step 6,016 · 3 h 31 min" */
  #describe(x: number): string {
    const whole = this.steps.whole;
    const { unit } = this.group;
    if (!whole || whole.steps.length === 0) return place(x, unit);
    const isOver = x > reached(whole, unit);
    const step = Math.round(converted(whole, x, unit, 'step'));
    const parts = [place(converted(whole, x, unit, 'epoch'), 'epoch'), place(step, 'step')];
    return [...parts, ...(isOver ? ['not yet'] : [place(converted(whole, x, unit, 'second'), 'second')])].join(' · ');
  }
}
