import { describe, expect, test } from 'vitest';
import { append, halved, type Buckets, type NewSteps } from '../../../src/renderer/charts/buckets';
import { firstAtLeast, lastFinite, nearest, withoutGaps } from '../../../src/renderer/charts/lines';
import { smooth } from '../../../src/renderer/charts/smoothing';
import { place, summary, tick, value, xTick } from '../../../src/renderer/charts/words';
import { logSplits, yRange } from '../../../src/renderer/charts/y-range';

/** Steps `first` … `last`, each with the value that `of` says, ten to an epoch and two in a second. */
function steps(first: number, last: number, of: (step: number) => number, after = first - 1): NewSteps<'loss'> {
  const all = Float64Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
  return { after, steps: all, epochs: all.map((step) => step / 10), seconds: all.map((step) => step / 2), series: { loss: Float32Array.from(all, of) } };
}
const nothing = (stepsPerBucket = 1): Buckets<'loss'> => ({
  stepsPerBucket,
  lastStep: 0,
  steps: new Float64Array(),
  epochs: new Float64Array(),
  seconds: new Float64Array(),
  series: { loss: { minimum: new Float32Array(), maximum: new Float32Array(), mean: new Float32Array() } },
});
/** What a curve has to be, from its definition. */
function bucketsOf(last: number, width: number, of: (step: number) => number) {
  const all = Array.from({ length: last }, (_, i) => i + 1);
  const parts = Array.from({ length: Math.ceil(last / width) }, (_, i) => all.slice(i * width, (i + 1) * width));
  const values = parts.map((part) => part.map(of).filter(Number.isFinite));
  return {
    steps: parts.map((part) => part.at(-1)),
    minimum: values.map((part) => (part.length > 0 ? Math.min(...part) : NaN)),
    maximum: values.map((part) => (part.length > 0 ? Math.max(...part) : NaN)),
    mean: values.map((part) => part.reduce((sum, each) => sum + each, 0) / part.length),
  };
}
function expectCurve(curve: Buckets<'loss'> | undefined, last: number, of: (step: number) => number) {
  const wanted = bucketsOf(last, curve!.stepsPerBucket, of);
  const { minimum, maximum, mean } = curve!.series.loss!;
  expect(curve!.lastStep).toBe(last);
  expect([...curve!.steps]).toEqual(wanted.steps);
  expect([...curve!.seconds]).toEqual(wanted.steps.map((step) => step! / 2));
  expect([...minimum]).toEqual(wanted.minimum);
  expect([...maximum]).toEqual(wanted.maximum);
  for (const [i, each] of mean.entries()) expect(each).toBeCloseTo(wanted.mean[i]!, 4);
}
const wave = (step: number) => (step * 37) % 101;

describe('a curve in buckets', () => {
  test('takes new steps one by one, until each has its place', () => {
    const first = append(nothing(), steps(1, 5, wave));
    expectCurve(first, 5, wave);
    expectCurve(append(first!, steps(6, 9, wave)), 9, wave);
  });

  test('fills the last bucket before it begins another', () => {
    let curve: Buckets<'loss'> | undefined = nothing(4);
    for (const [from, to] of [[1, 3], [4, 4], [5, 14], [15, 15], [16, 33]] as const) {
      curve = append(curve!, steps(from, to, wave));
      expectCurve(curve, to, wave);
    }
    expect(curve!.stepsPerBucket).toBe(4);
  });

  test('never has more buckets than it may, and stays exact in its bounds', () => {
    let curve: Buckets<'loss'> | undefined = nothing();
    for (let last = 7; last <= 700; last += 7) curve = append(curve!, steps(last - 6, last, wave), 50);
    expect(curve!.steps.length).toBeLessThanOrEqual(50);
    expect(curve!.stepsPerBucket).toBe(16);
    expectCurve(curve, 700, wave);
  });

  test('passes over what was not finite', () => {
    const broken = (step: number) => (step % 3 === 0 || (step > 8 && step <= 12) ? NaN : step);
    const curve = append(append(nothing(4), steps(1, 10, broken))!, steps(11, 16, broken));
    const { minimum, maximum } = curve!.series.loss!;
    expect([...minimum]).toEqual([1, 5, NaN, 13]);
    expect([...maximum]).toEqual([4, 8, NaN, 16]);
  });

  test('leaves out what it has already, and does not join what does not fit', () => {
    const curve = append(nothing(), steps(1, 10, wave))!;
    expectCurve(append(curve, steps(8, 12, wave, 7)), 12, wave);
    expect(append(curve, steps(10, 10, wave, 9))).toBe(curve);
    expect(append(curve, steps(12, 14, wave))).toBeUndefined();
    expect(append(curve, steps(6, 9, wave))).toBeUndefined();
    const again = steps(8, 12, wave, 7);
    // The same steps, computed again later.
    again.seconds = again.seconds.map((second) => second + 30);
    expect(append(curve, again)).toBeUndefined();
  });

  test('is halved with a last bucket that is not full', () => {
    const curve = append(nothing(3), steps(1, 14, wave))!;
    expectCurve(halved(curve), 14, wave);
    expectCurve(halved(halved(curve)), 14, wave);
  });
});

describe('smoothing', () => {
  test('leaves values as they are at 0, and a level as it is at any weight', () => {
    expect([...smooth([3, 1, 2], 0)]).toEqual([3, 1, 2]);
    for (const each of smooth([5, 5, 5, 5], 0.97)) expect(each).toBeCloseTo(5);
  });
  test('begins at the first value and weighs what went before', () => {
    const [first, second, third] = smooth([4, 8, 0], 0.5);
    expect(first).toBe(4);
    expect(second).toBeCloseTo((0.25 * 4 + 0.5 * 8) / 0.75);
    expect(third).toBeCloseTo((0.125 * 4 + 0.25 * 8) / 0.875);
  });
  test('keeps gaps, and what is around them goes on', () => {
    const smoothed = smooth([2, NaN, 2], 0.9);
    expect(smoothed[1]).toBeNaN();
    expect(smoothed[2]).toBeCloseTo(2);
  });
});

describe('looking up places', () => {
  test('finds the nearest that was measured', () => {
    const line = { x: [0, 1, 2, 3, 10], y: [5, NaN, 7, NaN, 9] };
    expect([-3, 0.9, 1.2, 4, 7, 99].map((at) => nearest(line, at))).toEqual([0, 0, 2, 2, 4, 4]);
    expect(nearest({ x: [1], y: [NaN] }, 1)).toBe(-1);
    expect(lastFinite([1, 2, NaN])).toBe(1);
    expect(firstAtLeast([1, 3, 5], 3)).toBe(1);
    expect(withoutGaps([1, 2, 3], [4, NaN, 6])).toEqual({ x: Float64Array.of(1, 3), y: Float64Array.of(4, 6) });
  });
});

describe('the range of the y axis', () => {
  const x = Array.from({ length: 200 }, (_, i) => i);
  const line = (of: (at: number) => number) => ({ x, y: x.map(of) });
  const whole = { from: 0, to: 199 };

  test('holds all that is shown, and nothing but that', () => {
    const { low, high } = yRange([line((at) => at)], { from: 50, to: 100 });
    expect(low).toBeLessThan(50);
    expect(low).toBeGreaterThan(40);
    expect(high).toBeGreaterThan(100);
    expect(high).toBeLessThan(110);
  });
  test('cuts a beginning far from all else, and tells how far', () => {
    const range = yRange([line((at) => (at < 2 ? 100 : 9 + Math.sin(at)))], whole, { cut: true });
    expect(range.high).toBeLessThan(12);
    expect(range.above).toBe(100);
    expect(range.below).toBeNull();
    expect(yRange([line((at) => at)], whole, { cut: true }).above).toBeNull();
  });
  test('takes in a level that is near, not one that is far', () => {
    const lines = [line((at) => 40 + at / 20)];
    expect(yRange(lines, whole, { include: [{ y: 36 }] }).low).toBeLessThan(36);
    expect(yRange(lines, whole, { include: [{ y: 0 }] }).low).toBeGreaterThan(30);
    expect(yRange(lines, whole, { include: [{ y: 0, always: true }] }).low).toBeLessThanOrEqual(0);
  });
  test('is never empty', () => {
    for (const lines of [[], [line(() => 3)], [line(() => 0)], [line(() => NaN)]]) {
      for (const log of [false, true]) {
        const { low, high } = yRange(lines, whole, { log });
        expect(high).toBeGreaterThan(low);
        if (log) expect(low).toBeGreaterThan(0);
      }
    }
  });
  test('has ticks on a logarithmic axis, however much it spans', () => {
    expect(logSplits({ low: 0.5, high: 3000 })).toEqual([1, 10, 100, 1000]);
    expect(logSplits({ low: 0.9, high: 11 })).toEqual([1, 2, 5, 10]);
    expect(logSplits({ low: 7.5, high: 9.5 })).toEqual([8, 9]);
  });
});

describe('numbers of charts in words', () => {
  test('have three digits that count', () => {
    expect([0, 9.5612, 61.23, 118.4, 0.9978, 0.0712, 1.6e-4, 12_400, NaN].map(value)).toEqual([
      ...['0', '9.56', '61.2', '118', '0.998', '0.0712', '1.6e-4', '12,400', '–'],
    ]);
  });
  test('have on an axis the digits that tell ticks apart', () => {
    expect([tick(0, 1e-4), tick(0.998, 0.002), tick(60, 10), tick(1.5, 0.5), tick(2e-4, 1e-4), tick(2.5e-4, 5e-5)]).toEqual(['0', '0.998', '60', '1.5', '2e-4', '2.5e-4']);
    expect([xTick(7200, 'second', 3600), xTick(6000, 'step', 1000), xTick(0.5, 'epoch', 0.5)]).toEqual(['2 h', '6,000', '0.5']);
  });
  test('say where they are, and what a chart shows', () => {
    expect([place(47, 'epoch'), place(6016, 'step'), place(12_660, 'second')]).toEqual(['epoch 47.0', 'step 6,016', '3 h 31 min']);
    const line = { label: 'total', colour: '', x: [1, 2, 3], y: [9, 7, 8] };
    expect(summary([line], 'step', value)).toBe('total: 8.00 at step 3, from 9.00 at step 1; between 7.00 and 9.00.');
    expect(summary([], 'step', value)).toBe('Nothing measured yet.');
  });
});
