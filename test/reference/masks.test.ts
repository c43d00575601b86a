import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors, type SafetensorsContents } from '../../src/engine/formats';
import { drawMask, maskCapacity, type MaskOptions } from '../../src/engine/ibot/masks';
import { Purpose, Random } from '../../src/engine/random';

interface Statistics {
  grid: number;
  shape: 'block' | 'rand';
  pred_ratio: number | number[];
  pred_ratio_var: number | number[];
  samples: number;
  mean_ratio: number;
  standard_error_of_mean: number;
  share_empty: number;
  largest_count: number;
  probability_right_neighbour_masked_given_masked: number;
  probability_lower_neighbour_masked_given_masked: number;
}
interface Case {
  config: { aspect_ratio: [number, number] };
  tolerance: { 'neighbour probabilities': { atol: number } };
}

const list = (value: number | number[]): number[] => (Array.isArray(value) ? value : [value]);

describe('the case masks', () => {
  const folder = join(import.meta.dirname, 'masks');
  const json = async <T>(name: string): Promise<T> => JSON.parse(await readFile(join(folder, name), 'utf8')) as T;
  let reference: Case;
  let statistics: Record<string, Statistics>;
  let wanted: SafetensorsContents;
  beforeAll(async () => {
    reference = await json<Case>('case.json');
    statistics = (await json<{ statistics: Record<string, Statistics> }>('expected.json')).statistics;
    wanted = await readSafetensors(join(folder, 'expected.safetensors'));
  });

  const requestOf = (want: Statistics): MaskOptions => ({
    pred_ratio: list(want.pred_ratio),
    pred_ratio_var: list(want.pred_ratio_var),
    pred_shape: want.shape,
    pred_aspect_ratio: reference.config.aspect_ratio,
    pred_start_epoch: 0,
    rows: want.grid,
    columns: want.grid,
  });

  it('has the same statistics for every kind of mask', () => {
    expect(Object.keys(statistics).length).toBeGreaterThan(0);
    for (const [name, want] of Object.entries(statistics)) {
      const request = requestOf(want);
      const { grid, samples } = want;
      const cells = grid * grid;
      const counts = new Float64Array(cells);
      const histogram = new Float64Array(cells + 1);
      const right = [0, 0];
      const lower = [0, 0];
      let sum = 0;
      let squares = 0;
      for (let sample = 0; sample < samples; sample++) {
        const mask = drawMask(request, new Random(3, Purpose.test, sample));
        let count = 0;
        for (let cell = 0; cell < cells; cell++) {
          if (!mask[cell]) continue;
          count++;
          counts[cell]!++;
          if (cell % grid < grid - 1) right[mask[cell + 1]!]!++;
          if (cell + grid < cells) lower[mask[cell + grid]!]!++;
        }
        histogram[count]!++;
        sum += count / cells;
        squares += (count / cells) ** 2;
        expect(count).toBeLessThanOrEqual(maskCapacity(request));
      }
      const mean = sum / samples;
      const error = Math.sqrt((squares / samples - mean * mean) / samples);
      expect(Math.abs(mean - want.mean_ratio), `${name} mean`).toBeLessThanOrEqual(
        5 * Math.hypot(error, want.standard_error_of_mean),
      );
      const probability = wanted.tensors.get(`${name}.probability`)!.data as Float32Array;
      probability.forEach((p, cell) => {
        expect(Math.abs(counts[cell]! / samples - p), `${name} cell ${cell}`).toBeLessThanOrEqual(
          5 * Math.sqrt((2 * p * (1 - p)) / samples),
        );
      });
      // Kolmogorov–Smirnov distance of the numbers of masked patches.
      let difference = 0;
      (wanted.tensors.get(`${name}.count_histogram`)!.data as Int32Array).forEach((times, count) => {
        difference += (histogram[count]! - times) / samples;
        expect(Math.abs(difference), `${name} up to ${count}`).toBeLessThan(0.02);
      });
      const { atol } = reference.tolerance['neighbour probabilities'];
      const share = ([not, masked]: number[]): number => masked! / (not! + masked!);
      expect(Math.abs(share(right) - want.probability_right_neighbour_masked_given_masked), name).toBeLessThanOrEqual(atol);
      expect(Math.abs(share(lower) - want.probability_lower_neighbour_masked_given_masked), name).toBeLessThanOrEqual(atol);
    }
  });
});
