/** Curves at any length: steps of a range, put into buckets. */
import type { Params, Result } from '../protocol';
import type { EpochEvent, MetricsColumns } from '../runs';

type Steps = Result<'monitor.steps'>;
type Epochs = Result<'monitor.epochs'>;
type Wanted = Pick<Params<'monitor.steps'>, 'series' | 'unit' | 'from' | 'to' | 'buckets'>;

export function bucketSteps(columns: MetricsColumns, stepsPerEpoch: number, wanted: Wanted): Steps {
  const { step, seconds } = columns;
  const place = wanted.unit === 'second' ? seconds : step;
  const factor = wanted.unit === 'epoch' ? stepsPerEpoch : 1;
  const first = wanted.from === undefined ? 0 : firstAtLeast(place, wanted.from * factor, false);
  const end = wanted.to === undefined ? step.length : firstAtLeast(place, wanted.to * factor, true);
  const count = Math.max(0, end - first);
  const width = Math.max(1, Math.ceil(count / wanted.buckets));
  const buckets = Math.ceil(count / width);
  const lastOf = (bucket: number): number => Math.min(end, first + (bucket + 1) * width) - 1;
  const steps = Float64Array.from({ length: buckets }, (_, i) => step[lastOf(i)]!);
  const series: Steps['series'] = {};
  for (const name of wanted.series) series[name] = bucketed(columns.of(name), first, end, width, buckets);
  return {
    exact: width === 1,
    lastStep: step.at(-1) ?? 0,
    stepsPerBucket: width,
    steps,
    epochs: steps.map((each) => each / stepsPerEpoch),
    seconds: Float64Array.from({ length: buckets }, (_, i) => seconds[lastOf(i)]!),
    series,
  };
}

function bucketed(
  values: Float32Array,
  first: number,
  end: number,
  width: number,
  buckets: number,
): NonNullable<Steps['series'][keyof Steps['series']]> {
  if (width === 1) {
    const raw = values.slice(first, end).map((x) => (Number.isFinite(x) ? x : NaN));
    return { minimum: raw, maximum: raw, mean: raw };
  }
  const minimum = new Float32Array(buckets);
  const maximum = new Float32Array(buckets);
  const mean = new Float32Array(buckets);
  for (let bucket = 0, at = first; bucket < buckets; bucket++) {
    const stop = Math.min(end, at + width);
    let least = Infinity;
    let most = -Infinity;
    let sum = 0;
    let count = 0;
    for (; at < stop; at++) {
      const x = values[at]!;
      // NaN or infinite; this is the innermost loop over millions.
      if (x - x !== 0) continue;
      if (x < least) least = x;
      if (x > most) most = x;
      sum += x;
      count++;
    }
    minimum[bucket] = count > 0 ? least : NaN;
    maximum[bucket] = count > 0 ? most : NaN;
    mean[bucket] = sum / count;
  }
  return { minimum, maximum, mean };
}

/** Index of the first value that is at least `bound` (or beyond it); values ascend. */
export function firstAtLeast(values: Float64Array, bound: number, beyond: boolean): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const isIn = beyond ? values[middle]! > bound : values[middle]! >= bound;
    if (isIn) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Epoch values as columns; NaN where not measured. */
export function epochColumns(events: readonly EpochEvent[], stepsPerEpoch: number): Epochs {
  const column = (of: (event: EpochEvent) => number | null | undefined): Float32Array =>
    Float32Array.from(events, (event) => of(event) ?? NaN);
  const series: Epochs['series'] = {
    loss: column(({ loss }) => loss),
    cls: column(({ cls }) => cls),
    patch: column(({ patch }) => patch),
    accuracy: column(({ accuracy }) => accuracy),
    nmi: column(({ nmi }) => nmi),
    ari: column(({ ari }) => ari),
    fscore: column(({ fscore }) => fscore),
    knn: column(({ evaluation }) => evaluation?.teacher.knn?.k20 ?? evaluation?.teacher.knn?.k10),
    knn10: column(({ evaluation }) => evaluation?.teacher.knn?.k10),
    knn20: column(({ evaluation }) => evaluation?.teacher.knn?.k20),
    knn100: column(({ evaluation }) => evaluation?.teacher.knn?.k100),
    knn200: column(({ evaluation }) => evaluation?.teacher.knn?.k200),
    retrieval: column(({ evaluation }) => evaluation?.teacher.retrieval),
    rank: column(({ evaluation }) => evaluation?.teacher.rank),
  };
  if (events.some(({ evaluation }) => evaluation?.student)) {
    series.studentKnn = column(({ evaluation }) => evaluation?.student?.knn?.k20 ?? evaluation?.student?.knn?.k10);
    series.studentRetrieval = column(({ evaluation }) => evaluation?.student?.retrieval);
    series.studentRank = column(({ evaluation }) => evaluation?.student?.rank);
  }
  const steps = Float64Array.from(events, ({ step }) => step);
  return {
    steps,
    epochs: steps.map((step) => step / stepsPerEpoch),
    seconds: Float64Array.from(events, ({ elapsed }) => elapsed),
    series,
  };
}
