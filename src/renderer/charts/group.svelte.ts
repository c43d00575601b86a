/** What all charts of a view share: the part of the x axis that is shown, the pointer, smoothing and the kind of axes. */
import type { Range } from './lines';
import type { XUnit } from './words';

export class ChartGroup {
  unit = $state<XUnit>('epoch');
  /** Weight of what went before, 0 … 0.99. */
  smoothing = $state(0.6);
  log = $state(false);
  /** The whole of the x axis, up to what is planned. */
  whole = $state.raw<Range>({ from: 0, to: 1 });
  /** The pointer's place on the x axis, by hand or by keys; null: nowhere. */
  pointer = $state.raw<number | null>(null);
  /** The chart that it is over. */
  pointed = $state.raw<string | null>(null);
  /** Another place that every chart marks, as the moment whose pictures are shown. */
  moment = $state.raw<number | null>(null);
  /** More about a place, for the tag under the pointer. */
  describe = $state.raw<((x: number) => string) | undefined>();
  /** Called when somebody chose a part with the pointer or keys. */
  chosen: (() => void) | undefined;
  #range = $state.raw<Range | null>(null);

  /** What is shown. */
  get shown(): Range {
    return this.#range ?? this.whole;
  }
  /** Null: everything. */
  get zoomed(): Range | null {
    return this.#range;
  }

  zoom(range: Range | null): void {
    if (!range) {
      this.#range = null;
      return;
    }
    const { from, to } = this.whole;
    const least = Math.max((to - from) * 1e-7, Number.EPSILON);
    const start = Math.max(from, Math.min(range.from, range.to));
    const end = Math.min(to, Math.max(range.from, range.to));
    if (end - start < least) return;
    this.#range = start <= from && end >= to ? null : { from: start, to: end };
  }

  /** As `zoom`, by hand. */
  choose(range: Range | null): void {
    this.zoom(range);
    this.chosen?.();
  }

  /** By hand nearer (below 1) or farther, around a place. */
  scale(factor: number, around: number): void {
    const { from, to } = this.shown;
    this.choose({ from: around - (around - from) * factor, to: around + (to - around) * factor });
  }

  point(x: number | null, chart: string | null): void {
    this.pointer = x;
    this.pointed = x === null ? null : chart;
  }
}
