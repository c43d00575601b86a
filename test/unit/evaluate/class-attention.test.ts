import { expect, test } from 'vitest';
import { attentionShades, classAttention } from '../../../src/engine/evaluate';

test('attention of the class token is the softmax of its query with the keys, mean of the heads', () => {
  const [heads, dimension, rows] = [2, 4, 3];
  const qkv = Float32Array.from({ length: rows * 3 * dimension }, (_, i) => Math.sin(i));
  const expected = [0, 0];
  for (const head of [0, 1]) {
    const part = (row: number, which: number) => [0, 1].map((i) => qkv[row * 12 + which * dimension + head * 2 + i]!);
    const [a, b] = part(0, 0) as [number, number];
    const powers = [0, 1, 2].map((row) => Math.exp((a * part(row, 1)[0]! + b * part(row, 1)[1]!) / Math.SQRT2));
    const total = powers.reduce((sum, x) => sum + x);
    for (const patch of [0, 1]) expected[patch]! += powers[patch + 1]! / total / heads;
  }
  const map = classAttention(qkv, heads, dimension);
  expect(map).toHaveLength(rows - 1);
  expected.forEach((value, i) => expect(map[i]).toBeCloseTo(value, 6));
});

test('shades reach from the least to the greatest of a map, and a map that is nearly even stays even', () => {
  expect([...attentionShades(Float32Array.of(0.1, 0.2, 0.4, 0.3))]).toEqual([0, 85, 255, 170]);
  const nearlyEven = attentionShades(Float32Array.of(0.249, 0.25, 0.251, 0.25));
  expect(Math.min(...nearlyEven)).toBeGreaterThan(115);
  expect(Math.max(...nearlyEven)).toBeLessThan(140);
  expect(nearlyEven[0]).toBeLessThan(nearlyEven[2]!);
  expect([...attentionShades(Float32Array.of(0, 0))]).toEqual([0, 0]);
});
