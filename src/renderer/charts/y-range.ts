/** What part of the y axis is shown. */
import { firstAtLeast, type Line, type Range } from './lines';

export interface YRange {
  low: number;
  high: number;
  /** The greatest and least value, where they are cut off. */
  above: number | null;
  below: number | null;
}

export interface YOptions {
  log?: boolean;
  /** Begins at 0. */
  zero?: boolean;
  /** A few values far from all others, as at the very beginning, may leave the range. */
  cut?: boolean;
  /** Levels that are taken in where that does not press the lines together, or always. */
  include?: readonly { y: number; always?: boolean }[];
  /** Bounds that the quantity itself has, as 100%. */
  least?: number;
  most?: number;
}

/** Shares of the values that may leave the range at either end, and how much that has to gain. */
const CUT = 0.02;
const CUT_GAINS = 1.6;
/** How many times as high a range may get for the sake of a level. */
const LEVEL_COSTS = 2;
const MARGIN = 0.06;

export function yRange(lines: readonly Pick<Line, 'x' | 'y'>[], { from, to }: Range, options: YOptions = {}): YRange {
  const { log = false, zero = false, cut = false, include = [], least = -Infinity, most = Infinity } = options;
  const shown = (value: number) => Number.isFinite(value) && (!log || value > 0);
  const onAxis = (value: number) => (log ? Math.log10(value) : value);
  const offAxis = (value: number) => (log ? 10 ** value : value);
  const values: number[] = [];
  for (const { x, y } of lines) {
    for (let place = firstAtLeast(x, from); place < x.length && x[place]! <= to; place++) if (shown(y[place]!)) values.push(onAxis(y[place]!));
  }
  values.sort((a, b) => a - b);
  if (values.length === 0) return { low: log ? 0.1 : 0, high: 1, above: null, below: null };
  const [first, last] = [values[0]!, values.at(-1)!];
  let [low, high] = [first, last];
  if (cut) {
    const inner = [values[Math.floor(CUT * (values.length - 1))]!, values[Math.ceil((1 - CUT) * (values.length - 1))]!] as const;
    const height = inner[1] - inner[0];
    if (height > 0 && high - low > CUT_GAINS * height) {
      low = Math.max(low, inner[0] - 0.1 * height);
      high = Math.min(high, inner[1] + 0.1 * height);
    }
  }
  if (zero && !log) [low, high] = [Math.min(0, low), Math.max(0, high)];
  const height = Math.max(high - low, Math.abs(high) * 1e-3);
  for (const { y: level, always } of include) {
    if (!shown(level)) continue;
    const [down, up] = [Math.min(low, onAxis(level)), Math.max(high, onAxis(level))];
    if (always || up - down <= LEVEL_COSTS * height) [low, high] = [down, up];
  }
  if (high - low < Math.max(1e-12, Math.abs(high) * 1e-6)) {
    const around = log ? 0.1 : Math.abs(high) * 0.1 || 1;
    [low, high] = [zero && !log ? low : low - around, high + around];
  }
  const margin = MARGIN * (high - low);
  const bottom = offAxis(zero && !log && low === 0 ? 0 : low - margin);
  const top = offAxis(high + margin);
  return {
    low: Math.max(bottom, log ? 0 : least),
    high: Math.min(top, most + (offAxis(high) === most ? margin : 0)),
    above: last > high ? offAxis(last) : null,
    below: first < low ? offAxis(first) : null,
  };
}

/** Ticks of a logarithmic axis: 1, 2, 5 and their tens; only the tens where there are many. */
export function logSplits({ low, high }: { low: number; high: number }): number[] {
  const all: number[] = [];
  const decades = Math.log10(high / low);
  const parts = decades > 3 ? [1] : decades > 0.7 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const part of parts) {
      const at = part * 10 ** power;
      if (at >= low && at <= high) all.push(at);
    }
  }
  return all;
}
