/** What a chart is given, and looking things up in it. */

/** Numbers in a row. NaN: nothing was measured there. */
export type Numbers = ArrayLike<number>;

export interface Line {
  /** Names it in the legend; '' keeps it out of there. */
  label: string;
  /** A colour of CSS, as `var(--d1)`. */
  colour: string;
  /** Where on the x axis, ascending. */
  x: Numbers;
  y: Numbers;
  /** Least and greatest around each point, shaded. */
  band?: { low: Numbers; high: Numbers };
  /** Follows the group's smoothing; what was measured shows through behind. */
  smooth?: boolean;
  /** `main` is thicker · `dots`: measured now and then · `planned`: dotted and quiet, no value at the pointer. */
  look?: 'line' | 'main' | 'dots' | 'planned';
  /** Written where the line ends. */
  end?: string;
}

/** A level to compare with, dashed. Where it is out of range, that is said instead. */
export interface Reference {
  y: number;
  label: string;
  /** The range reaches to it, however far it is. */
  always?: boolean;
}

/** A moment on the x axis. */
export interface Mark {
  x: number;
  label: string;
  bad?: boolean;
}

export interface Range {
  from: number;
  to: number;
}

/** Place of the first value that is at least `bound`. */
export function firstAtLeast(values: Numbers, bound: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! >= bound) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Place of the finite `y` whose `x` is nearest to `at`; −1 where there is none. */
export function nearest({ x, y }: { x: Numbers; y: Numbers }, at: number): number {
  let after = firstAtLeast(x, at);
  let before = after - 1;
  while (after < x.length && !Number.isFinite(y[after])) after++;
  while (before >= 0 && !Number.isFinite(y[before])) before--;
  if (after >= x.length) return before;
  if (before < 0) return after;
  return x[after]! - at < at - x[before]! ? after : before;
}

/** Place of the last finite value; −1 where there is none. */
export function lastFinite(values: Numbers): number {
  let place = values.length - 1;
  while (place >= 0 && !Number.isFinite(values[place])) place--;
  return place;
}

/** Without the points that were not measured, so that a line joins those that were. */
export function withoutGaps(x: Numbers, y: Numbers): { x: Float64Array; y: Float64Array } {
  const places = Array.from({ length: y.length }, (_, place) => place).filter((place) => Number.isFinite(y[place]));
  return { x: Float64Array.from(places, (place) => x[place]!), y: Float64Array.from(places, (place) => y[place]!) };
}
