import { z } from 'zod';
import { drawMask, maskCapacity, type MaskOptions } from '../ibot';
import { Purpose, Random } from '../random';
import type { ReferenceCase, Tensors } from './case';
import { atMost, type CaseRunner, type Check } from './check';

const configSchema = z.looseObject({
  samples: z.number().int().positive(),
  aspect_ratio: z.tuple([z.number().positive(), z.number().positive()]),
});
const oneOrMore = z.union([z.number().transform((value) => [value]), z.array(z.number())]);
const statisticsSchema = z.looseObject({
  grid: z.number().int().positive(),
  shape: z.enum(['block', 'rand']),
  pred_ratio: oneOrMore,
  pred_ratio_var: oneOrMore,
  samples: z.number().int().positive(),
  mean_ratio: z.number(),
  standard_error_of_mean: z.number(),
  probability_right_neighbour_masked_given_masked: z.number(),
  probability_lower_neighbour_masked_given_masked: z.number(),
});
const expectedSchema = z.looseObject({ statistics: z.record(z.string(), statisticsSchema) });
type Statistics = z.infer<typeof statisticsSchema>;

interface Drawn {
  mean: number;
  standardError: number;
  /** Per cell: how often it was masked. */
  cells: Float64Array;
  /** Per number of masked cells: how many masks have it. */
  counts: Float64Array;
  /** Share of masked cells whose neighbour (inside the grid) is masked too. */
  right: number;
  lower: number;
}

function drawMany(options: MaskOptions, samples: number): Drawn {
  const { rows, columns } = options;
  const all = rows * columns;
  const cells = new Float64Array(all);
  const counts = new Float64Array(all + 1);
  // [neighbour not masked, neighbour masked]
  const right: [number, number] = [0, 0];
  const lower: [number, number] = [0, 0];
  for (let sample = 0; sample < samples; sample++) {
    const mask = drawMask(options, new Random(0, Purpose.test, 0, sample));
    let count = 0;
    for (let cell = 0; cell < all; cell++) {
      if (!mask[cell]) continue;
      count++;
      cells[cell]!++;
      if (cell % columns < columns - 1) right[mask[cell + 1] ? 1 : 0]++;
      if (cell + columns < all) lower[mask[cell + columns] ? 1 : 0]++;
    }
    counts[count]!++;
  }
  const mean = counts.reduce((sum, times, count) => sum + times * count, 0) / (samples * all);
  const variance = counts.reduce((sum, times, count) => sum + times * (count / all - mean) ** 2, 0) / samples;
  const share = ([not, masked]: [number, number]): number => masked / (not + masked);
  return { mean, standardError: Math.sqrt(variance / samples), cells, counts, right: share(right), lower: share(lower) };
}

/** A difference in units of what chance explains. Where chance explains nothing, only rounding may differ. */
const inUnitsOf = (difference: number, unit: number): number => (Math.abs(difference) < 1e-9 ? 0 : Math.abs(difference) / unit);

interface Comparison {
  want: Statistics;
  drawn: Drawn;
  samples: number;
  /** The most that a mask may hold. */
  capacity: number;
  tensors: Tensors;
}

function compare(reference: ReferenceCase, name: string, { want, drawn, samples, capacity, tensors }: Comparison): Check[] {
  const meanLimit = reference.toleranceInWords('mean_ratio', /([\d.]+) combined standard errors/);
  const cellLimit = reference.toleranceInWords('probability map', /within ([\d.]+) \* sqrt\(2 p \(1 - p\) \/ samples\)/);
  const distanceLimit = reference.toleranceInWords('count_histogram', /distance below ([\d.]+)/);
  const { atol } = reference.tolerance('neighbour probabilities');
  const meanError = Math.hypot(drawn.standardError, want.standard_error_of_mean);
  let cell = 0;
  tensors.get(`${name}.probability`).forEach((p, i) => {
    const unit = Math.sqrt((2 * p * (1 - p)) / Math.min(samples, want.samples));
    cell = Math.max(cell, inUnitsOf(drawn.cells[i]! / samples - p, unit));
  });
  // Kolmogorov–Smirnov: the largest difference of the cumulative shares.
  let difference = 0;
  let distance = 0;
  tensors.get(`${name}.count_histogram`).forEach((times, count) => {
    difference += drawn.counts[count]! / samples - times / want.samples;
    distance = Math.max(distance, Math.abs(difference));
  });
  const tooLarge = drawn.counts.subarray(capacity + 1).reduce((sum, times) => sum + times, 0);
  const [right, lower] = [
    want.probability_right_neighbour_masked_given_masked,
    want.probability_lower_neighbour_masked_given_masked,
  ];
  return [
    atMost(`${name}.mean_ratio`, inUnitsOf(drawn.mean - want.mean_ratio, meanError), meanLimit),
    atMost(`${name}.probability`, cell, cellLimit),
    atMost(`${name}.count_histogram`, distance, distanceLimit),
    atMost(`${name}.right neighbour`, Math.abs(drawn.right - right), atol),
    atMost(`${name}.lower neighbour`, Math.abs(drawn.lower - lower), atol),
    atMost(`${name}.masks beyond the capacity`, tooLarge, 0),
  ];
}

export const masks: CaseRunner = {
  async run({ reference }) {
    const { samples, aspect_ratio: aspect } = reference.parse(configSchema);
    const { statistics } = await reference.json('expected.json', expectedSchema);
    const tensors = await reference.tensors('expected.safetensors');
    return Object.entries(statistics).flatMap(([name, want]) => {
      const options: MaskOptions = {
        rows: want.grid,
        columns: want.grid,
        pred_ratio: want.pred_ratio,
        pred_ratio_var: want.pred_ratio_var,
        pred_shape: want.shape,
        pred_aspect_ratio: aspect,
        pred_start_epoch: 0,
      };
      const drawn = drawMany(options, samples);
      return compare(reference, name, { want, drawn, samples, capacity: maskCapacity(options), tensors });
    });
  },
};
