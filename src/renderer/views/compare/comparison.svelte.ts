/** The curves of several runs on common axes. */
import { lastFinite, type Line, type Range, type Reference, type XUnit } from '../../charts';
import { Axes, epochLine, placesOf, reached, RunCurves, stepLine, type Epochs, type Measured } from '../../curves';
import type { ComparedChart } from './charts';

/** A run as it is drawn. */
export interface Drawn {
  run: string;
  /** In legends. */
  label: string;
  colour: string;
}

export class Comparison extends Axes {
  /** Each run begins where its k-NN is best, in place of where it began. */
  aligned = $state(false);
  #curves = $state.raw<ReadonlyMap<string, RunCurves>>(new Map());
  readonly #stops = new Map<string, () => void>();

  constructor() {
    super('compare');
  }

  /** Follows these and no others. */
  follow(runs: readonly string[]): void {
    for (const [run, stop] of this.#stops) {
      if (runs.includes(run)) continue;
      stop();
      this.#stops.delete(run);
    }
    this.#curves = new Map(
      runs.map((run) => {
        const curves = this.#curves.get(run) ?? new RunCurves();
        if (!this.#stops.has(run)) this.#stops.set(run, curves.follow(run));
        return [run, curves];
      }),
    );
  }

  close(): void {
    for (const stop of this.#stops.values()) stop();
    this.#stops.clear();
  }

  align(aligned: boolean): void {
    this.group.zoom(null);
    this.aligned = aligned;
  }

  epochsOf(run: string): Epochs | undefined {
    return this.#curves.get(run)?.epochs;
  }

  /** The x axis, from the first beginning to the last planned end. */
  readonly whole: Range = $derived.by(() => {
    let [from, to] = [0, 0];
    for (const curves of this.#curves.values()) {
      const { unit } = this.group;
      const done = reached(curves.steps.whole, unit);
      const planned = { epoch: curves.frame?.epochs ?? 0, step: curves.frame?.steps ?? 0, second: done }[unit];
      const best = this.#best(curves);
      from = Math.min(from, -best);
      to = Math.max(to, Math.max(done, planned) - best);
    }
    return { from, to: to > from ? to : from + 1 };
  });

  /** What each run shows where the charts are now. */
  readonly #measured: ReadonlyMap<string, Measured> = $derived.by(() => {
    const { unit, zoomed } = this.group;
    return new Map(
      [...this.#curves].map(([run, curves]) => {
        const best = this.#best(curves);
        const range = zoomed && { from: zoomed.from + best, to: zoomed.to + best };
        const steps = curves.steps.shown(range, unit);
        const { epochs, frame } = curves;
        return [run, { steps: steps && moved(steps, unit, best), epochs: epochs && moved(epochs, unit, best), frame, unit }];
      }),
    );
  });

  /** Asks for more detail of what is zoomed into. */
  look(signal: AbortSignal): void {
    const { unit, zoomed } = this.group;
    if (!zoomed) return;
    for (const curves of this.#curves.values()) {
      const best = this.#best(curves);
      // What cannot be had is not missed: the whole is drawn.
      curves.steps.look({ from: zoomed.from + best, to: zoomed.to + best }, unit, signal).catch(() => {});
    }
  }

  /** In small charts colours alone tell which is which: names stand over them. */
  lines({ name, each, untrained, smooth, format, large }: ComparedChart, runs: readonly Drawn[]): Line[] {
    return runs.flatMap(({ run, label, colour }) => {
      const measured = this.#measured.get(run);
      if (!measured) return [];
      const unnamed = large ? {} : { end: '' };
      if (each === 'step') return [{ ...withoutBand(stepLine(measured, name as never, label, colour, smooth ? { smooth: true } : {})), ...unnamed }];
      const first = this.aligned || !measured.frame ? null : (untrained?.(measured.frame) ?? null);
      const line = epochLine(measured, name as never, label, colour, { first });
      const last = lastFinite(line.y);
      return [{ ...line, ...(large && format && last >= 0 ? { end: format(line.y[last]!) } : unnamed) }];
    });
  }

  /** A level, where it is the same for all runs. */
  references({ level }: ComparedChart): Reference[] {
    const levels = [...this.#measured.values()].map(({ frame }) => (frame && level ? level(frame) : null));
    const [first] = levels;
    return first && levels.every((each) => each?.label === first.label) ? [first] : [];
  }

  /** Where its k-NN is best on the x axis; 0 where runs are not aligned. */
  #best({ epochs }: RunCurves): number {
    const knn = epochs?.series.knn;
    if (!this.aligned || !epochs || !knn) return 0;
    let best = -1;
    for (let i = 0; i < knn.length; i++) if (Number.isFinite(knn[i]!) && (best < 0 || knn[i]! > knn[best]!)) best = i;
    return best < 0 ? 0 : placesOf(epochs, this.group.unit)[best]!;
  }
}

const keys = { step: 'steps', epoch: 'epochs', second: 'seconds' } as const;

function moved<Curve extends { steps: Float64Array; epochs: Float64Array; seconds: Float64Array }>(curve: Curve, unit: XUnit, by: number): Curve {
  return by === 0 ? curve : { ...curve, [keys[unit]]: placesOf(curve, unit).map((x) => x - by) };
}

/** Bands of several runs over each other say nothing. */
function withoutBand({ band: _band, ...line }: Line): Line {
  return line;
}
