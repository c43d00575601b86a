import { expect, test } from 'vitest';
import { colourBasis, colours } from '../../../src/engine/evaluate';
import { Purpose, Random } from '../../../src/engine/random';

const DIMENSION = 12;
const ROWS = 400;

/** Normal rows with these deviations along the first axes, and small ones along the others. */
function rows(deviations: readonly number[], sign = 1): Float32Array {
  const random = new Random(3, Purpose.test);
  return Float32Array.from({ length: ROWS * DIMENSION }, (_, i) => sign * random.normal() * (deviations[i % DIMENSION] ?? 0.05));
}

/** Axis with the greatest share of each direction, and that share with its sign. */
const axes = (directions: Float32Array): [number, number][] =>
  [0, 1, 2].map((k) => {
    const own = directions.subarray(k * DIMENSION, (k + 1) * DIMENSION);
    const axis = own.reduce((best, x, i) => (Math.abs(x) > Math.abs(own[best]!) ? i : best), 0);
    return [axis, own[axis]!];
  });

test('the directions come by falling variance', async () => {
  const { directions } = await colourBasis(rows([1, 3, 2]), DIMENSION);
  expect(axes(directions).map(([axis]) => axis)).toEqual([1, 2, 0]);
  for (const [, share] of axes(directions)) expect(share).toBeGreaterThan(0.99);
});

test('taken anew they keep order and sign, so that colours do not jump', async () => {
  const before = await colourBasis(rows([3, 2, 1]), DIMENSION);
  // Other variances, so another order; mirrored rows would turn the signs.
  const later = rows([1.1, 3, 2], -1);
  const alike = await colourBasis(later, DIMENSION, before);
  const alone = await colourBasis(later, DIMENSION);
  expect(axes(alike.directions).map(([axis]) => axis)).toEqual([0, 1, 2]);
  expect(axes(alone.directions).map(([axis]) => axis)).toEqual([1, 2, 0]);
  axes(alike.directions).forEach(([, share], k) => expect(Math.sign(share)).toBe(Math.sign(axes(before.directions)[k]![1])));
  const change = (basis: typeof before): number => {
    const [a, b] = [colours(later, DIMENSION, before), colours(later, DIMENSION, basis)];
    return a.reduce((sum, x, i) => sum + Math.abs(x - b[i]!), 0) / a.length;
  };
  expect(change(alike)).toBeLessThan(change(alone) / 2);
});
