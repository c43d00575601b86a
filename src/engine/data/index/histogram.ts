/** Histograms in equal steps of the value, or of its logarithm. */

export interface Histogram {
  /** One more than counts. */
  readonly edges: Float64Array;
  readonly counts: Uint32Array;
}

/** Edges in equal steps of the logarithm (`log`) or of the value. */
export function edgesBetween(from: number, to: number, bins: number, log: boolean): Float64Array {
  const [start, end] = log ? [Math.log(from), Math.log(to)] : [from, to];
  const edges = Float64Array.from({ length: bins + 1 }, (_, i) => {
    const value = start + ((end - start) * i) / bins;
    return log ? Math.exp(value) : value;
  });
  // Rounding must not leave out the largest.
  edges[0] = from;
  edges[bins] = to;
  return edges;
}

/** Counts values into bins of equal steps; what lies outside goes into the outermost. */
export class HistogramCounter {
  readonly counts: Uint32Array;
  private readonly start: number;
  private readonly scale: number;

  constructor(
    readonly edges: Float64Array,
    private readonly log: boolean,
  ) {
    const bins = edges.length - 1;
    this.counts = new Uint32Array(bins);
    const [first, last] = [edges[0]!, edges[bins]!];
    this.start = log ? Math.log(first) : first;
    const range = (log ? Math.log(last) : last) - this.start;
    this.scale = range > 0 ? bins / range : 0;
  }

  binOf(value: number): number {
    const place = ((this.log ? Math.log(value) : value) - this.start) * this.scale;
    return Math.max(0, Math.min(this.counts.length - 1, Math.floor(place)));
  }

  add(value: number): void {
    this.counts[this.binOf(value)]!++;
  }

  get histogram(): Histogram {
    return { edges: this.edges, counts: this.counts };
  }
}

/** Log steps from the least to the largest value (at least a factor of two apart). Values of 0 and NaN are left out. */
export function logHistogram(values: Float64Array, bins: number): Histogram {
  const positive = values.filter((value) => value > 0);
  const [least, most] = extent(positive);
  const counter = new HistogramCounter(edgesBetween(least || 1, Math.max(most, 2 * (least || 1)), bins, true), true);
  for (const value of positive) counter.add(value);
  return counter.histogram;
}

/** Equal steps from the least to the largest value. NaN is left out. */
export function linearHistogram(values: Float64Array, bins: number): Histogram {
  const there = values.filter((value) => !Number.isNaN(value));
  const [least, most] = extent(there);
  const counter = new HistogramCounter(edgesBetween(least, most > least ? most : least + 1, bins, false), false);
  for (const value of there) counter.add(value);
  return counter.histogram;
}

/** Log steps from 1:4 to 4:1, the rest in the outermost. */
export function aspectHistogram(values: Float64Array, bins: number): Histogram {
  const counter = new HistogramCounter(edgesBetween(1 / 4, 4, bins, true), true);
  for (const value of values) if (value > 0) counter.add(value);
  return counter.histogram;
}

function extent(values: Float64Array): [number, number] {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return values.length === 0 ? [0, 0] : [least, most];
}
