/**
 * A curve of any length in a bounded number of buckets of equally many steps. New steps go into the last bucket until it is full;
 * when there are too many buckets, each two become one.
 */

/** Where values were measured: the last step of each entry, its epoch, and seconds of training until then. */
export interface Places {
  steps: Float64Array;
  epochs: Float64Array;
  seconds: Float64Array;
}

/** Of one bucket each; NaN where nothing in it was finite. */
export interface Spread {
  minimum: Float32Array;
  maximum: Float32Array;
  mean: Float32Array;
}

export interface Buckets<Name extends string> extends Places {
  stepsPerBucket: number;
  /** The last step that is known. */
  lastStep: number;
  series: Partial<Record<Name, Spread>>;
}

/** Steps one by one. `after`: what is known beyond this step is void. */
export interface NewSteps<Name extends string> extends Places {
  after: number;
  series: Partial<Record<Name, Float32Array>>;
}

/** How many buckets a curve may have before it is halved. */
export const MOST_BUCKETS = 2000;

/** The curve with the new steps; undefined where they do not continue it, so that it has to be asked for anew. */
export function append<Name extends string>(
  curve: Buckets<Name>,
  news: NewSteps<Name>,
  most = MOST_BUCKETS,
): Buckets<Name> | undefined {
  const from = firstNew(curve, news);
  if (from === undefined) return undefined;
  const count = news.steps.length - from;
  if (count <= 0) return curve;
  const width = curve.stepsPerBucket;
  const before = curve.steps.length;
  const filled = stepsInLast(curve);
  const room = before === 0 ? 0 : width - filled;
  const length = before + Math.ceil(Math.max(0, count - room) / width);
  const bucketOf = (i: number) => (i < room ? before - 1 : before + Math.floor((i - room) / width));
  const placed = (values: Float64Array, added: Float64Array) => {
    const all = grown(values, length);
    for (let i = 0; i < count; i++) all[bucketOf(i)] = added[from + i]!;
    return all;
  };
  const series: Buckets<Name>['series'] = {};
  for (const name of Object.keys(curve.series) as Name[]) {
    const spread = curve.series[name]!;
    const minimum = grown(spread.minimum, length);
    const maximum = grown(spread.maximum, length);
    const mean = grown(spread.mean, length);
    for (const all of [minimum, maximum, mean]) all.fill(NaN, before);
    const added = news.series[name];
    for (let i = 0; added && i < count; i++) {
      const value = added[from + i]!;
      if (!Number.isFinite(value)) continue;
      const bucket = bucketOf(i);
      const already = i < room ? filled + i : (i - room) % width;
      const isFirst = Number.isNaN(mean[bucket]!);
      minimum[bucket] = isFirst ? value : Math.min(minimum[bucket]!, value);
      maximum[bucket] = isFirst ? value : Math.max(maximum[bucket]!, value);
      mean[bucket] = isFirst ? value : mean[bucket]! + (value - mean[bucket]!) / (already + 1);
    }
    series[name] = { minimum, maximum, mean };
  }
  const [steps, epochs, seconds] = [placed(curve.steps, news.steps), placed(curve.epochs, news.epochs), placed(curve.seconds, news.seconds)];
  let grownCurve: Buckets<Name> = { stepsPerBucket: width, lastStep: news.steps.at(-1)!, steps, epochs, seconds, series };
  while (grownCurve.steps.length > most) grownCurve = halved(grownCurve);
  return grownCurve;
}

/** Each two buckets become one. */
export function halved<Name extends string>(curve: Buckets<Name>): Buckets<Name> {
  const count = curve.steps.length;
  const length = Math.ceil(count / 2);
  const lastOf = (values: Float64Array) => Float64Array.from({ length }, (_, i) => values[Math.min(count - 1, 2 * i + 1)]!);
  const joined = (values: Float32Array, join: (one: number, other: number, place: number) => number) =>
    Float32Array.from({ length }, (_, i) => {
      const [one, other] = [values[2 * i]!, values[2 * i + 1] ?? NaN];
      return Number.isNaN(one) ? other : Number.isNaN(other) ? one : join(one, other, i);
    });
  const width = curve.stepsPerBucket;
  const inLast = stepsInLast(curve);
  const series: Buckets<Name>['series'] = {};
  for (const name of Object.keys(curve.series) as Name[]) {
    const { minimum, maximum, mean } = curve.series[name]!;
    series[name] = {
      minimum: joined(minimum, (one, other) => Math.min(one, other)),
      maximum: joined(maximum, (one, other) => Math.max(one, other)),
      mean: joined(mean, (one, other, i) => {
        const weight = 2 * i + 1 === count - 1 ? inLast : width;
        return (width * one + weight * other) / (width + weight);
      }),
    };
  }
  return {
    stepsPerBucket: 2 * width,
    lastStep: curve.lastStep,
    steps: lastOf(curve.steps),
    epochs: lastOf(curve.epochs),
    seconds: lastOf(curve.seconds),
    series,
  };
}

/** Place of the first step that the curve does not have; undefined where the two do not fit together. */
function firstNew<Name extends string>(curve: Buckets<Name>, { after, steps, seconds }: NewSteps<Name>): number | undefined {
  if (after === curve.lastStep) return 0;
  if (after > curve.lastStep) return undefined;
  // Told again, or computed again from a checkpoint on: then other seconds stand beside the same step.
  const same = steps.indexOf(curve.lastStep);
  return same >= 0 && seconds[same] === curve.seconds.at(-1) ? same + 1 : undefined;
}

/** Steps count from 1 and are whole, so the last bucket's are what lies between its end and the one before. */
function stepsInLast({ steps, stepsPerBucket }: Places & { stepsPerBucket: number }): number {
  const last = steps.length - 1;
  if (last < 0) return 0;
  return Math.min(stepsPerBucket, Math.max(1, steps[last]! - (steps[last - 1] ?? 0)));
}

function grown<Values extends Float32Array | Float64Array>(values: Values, length: number): Values {
  const all = new (values.constructor as new (length: number) => Values)(length);
  all.set(values);
  return all;
}
