import type { Numbers } from './lines';

/**
 * Exponential moving average, corrected for its beginning, so that the first value stands as it is. `weight`, 0 … 1, of what went
 * before; 0 smooths nothing. What was not measured stays so and counts for nothing.
 */
export function smooth(values: Numbers, weight: number): Float64Array {
  const smoothed = new Float64Array(values.length);
  let sum = 0;
  let total = 0;
  for (let place = 0; place < values.length; place++) {
    const value = values[place]!;
    if (!Number.isFinite(value)) {
      smoothed[place] = NaN;
      continue;
    }
    sum = weight * sum + (1 - weight) * value;
    total = weight * total + (1 - weight);
    smoothed[place] = sum / total;
  }
  return smoothed;
}
