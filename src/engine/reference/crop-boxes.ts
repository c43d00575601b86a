/** Statistics of random crop boxes, part of the case `augmentations`. */
import { z } from 'zod';
import { drawBox } from '../data';
import { Purpose, Random } from '../random';
import { atMost, type Check } from './check';

const pair = z.tuple([z.number(), z.number()]);
const distributionSchema = z.looseObject({
  picture_width_height: pair,
  scale: pair,
  samples: z.number().int().positive(),
  area_mean: z.number(),
  area_std: z.number(),
  log_aspect_mean: z.number(),
  log_aspect_std: z.number(),
  area_histogram_20_bins_0_to_1: z.array(z.number()).length(20),
  top_mean: z.number(),
  left_mean: z.number(),
});
export const boxesSchema = z.record(z.string(), distributionSchema);

/**
 * The case states no tolerance here. Both sides are samples, so a mean or a standard deviation may differ by five
 * standard errors of the difference, as the masks' means may.
 */
const STANDARD_ERRORS = 5;
/** Two-sample Kolmogorov–Smirnov: √(−ln(α / 2) / 2) for the α of five standard errors, 5.7e-7. */
const KOLMOGOROV = 2.745;

interface Moments {
  mean: number;
  std: number;
  /** Fourth central moment in units of std⁴. */
  kurtosis: number;
}

function moments(values: Float64Array): Moments {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const central = (power: number): number => values.reduce((sum, x) => sum + (x - mean) ** power, 0) / values.length;
  const variance = central(2);
  return { mean, std: Math.sqrt(variance), kurtosis: variance > 0 ? central(4) / variance ** 2 : 1 };
}

function drawnBoxes(want: z.infer<typeof distributionSchema>): Record<'area' | 'logAspect' | 'top' | 'left', Float64Array> {
  const [width, height] = want.picture_width_height;
  const column = (): Float64Array => new Float64Array(want.samples);
  const drawn = { area: column(), logAspect: column(), top: column(), left: column() };
  for (let i = 0; i < want.samples; i++) {
    const box = drawBox(new Random(0, Purpose.test, 1, i), want.scale, width, height);
    drawn.area[i] = (box.width * box.height) / (width * height);
    drawn.logAspect[i] = Math.log(box.width / box.height);
    drawn.top[i] = box.top;
    drawn.left[i] = box.left;
  }
  return drawn;
}

/** Largest difference of the cumulative shares over 20 bins of 0 … 1. */
function histogramDistance(area: Float64Array, want: readonly number[]): number {
  const got = new Float64Array(want.length);
  for (const value of area) got[Math.min(want.length - 1, Math.floor(value * want.length))]!++;
  const total = want.reduce((sum, times) => sum + times, 0);
  let difference = 0;
  let distance = 0;
  want.forEach((times, bin) => {
    difference += got[bin]! / area.length - times / total;
    distance = Math.max(distance, Math.abs(difference));
  });
  return distance;
}

/** Checks of each distribution: means, standard deviations and the histogram of the areas. */
export function boxChecks(distributions: z.infer<typeof boxesSchema>): Check[] {
  return Object.entries(distributions).flatMap(([name, want]): Check[] => {
    const drawn = drawnBoxes(want);
    const ofBoth = Math.sqrt(2 / want.samples);
    const inErrors = (difference: number, error: number): number =>
      Math.abs(difference) < 1e-9 ? 0 : Math.abs(difference) / error;
    const meanOf = (what: string, values: Float64Array, mean: number): Check => {
      const got = moments(values);
      return atMost(`${name}.${what}_mean`, inErrors(got.mean - mean, got.std * ofBoth), STANDARD_ERRORS);
    };
    const stdOf = (what: string, values: Float64Array, std: number): Check => {
      const got = moments(values);
      // Standard error of a standard deviation, delta method: σ √((κ − 1) / 4n).
      const error = (got.std * Math.sqrt(Math.max(0, got.kurtosis - 1)) * ofBoth) / 2;
      return atMost(`${name}.${what}_std`, inErrors(got.std - std, error), STANDARD_ERRORS);
    };
    return [
      meanOf('area', drawn.area, want.area_mean),
      stdOf('area', drawn.area, want.area_std),
      meanOf('log_aspect', drawn.logAspect, want.log_aspect_mean),
      stdOf('log_aspect', drawn.logAspect, want.log_aspect_std),
      meanOf('top', drawn.top, want.top_mean),
      meanOf('left', drawn.left, want.left_mean),
      atMost(
        `${name}.area_histogram`,
        histogramDistance(drawn.area, want.area_histogram_20_bins_0_to_1),
        KOLMOGOROV * ofBoth,
      ),
    ];
  });
}
