import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  CROP_WORDS,
  drawBox,
  drawCrops,
  encodeCrops,
  largestShrink,
  type Crop,
  type CropOptions,
} from '../../../src/engine/data';
import { Purpose, Random } from '../../../src/engine/random';

interface Distribution {
  picture_width_height: [number, number];
  scale: [number, number];
  samples: number;
  area_mean: number;
  area_std: number;
  log_aspect_mean: number;
  log_aspect_std: number;
  area_histogram_20_bins_0_to_1: number[];
  top_mean: number;
  left_mean: number;
}
const parameters = JSON.parse(
  readFileSync(new URL('../../reference/augmentations/parameters.json', import.meta.url), 'utf8'),
) as { crop_box_distribution: Record<string, Distribution> };

const options: CropOptions = {
  global_crops_number: 2,
  global_crops_scale: [0.14, 1],
  global_crops_size: 224,
  local_crops_number: 3,
  local_crops_scale: [0.05, 0.4],
  local_crops_size: 96,
};

const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: number[]): number => {
  const centre = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - centre) ** 2)));
};

describe('drawBox', () => {
  // Two samples of the same distribution differ by less than 4.5 standard errors of the difference.
  it.each(Object.entries(parameters.crop_box_distribution))('has the statistics of the original: %s', (_, official) => {
    const [width, height] = official.picture_width_height;
    const n = official.samples;
    const random = new Random(11, Purpose.test);
    const boxes = Array.from({ length: n }, () => drawBox(random, official.scale, width, height));
    const areas = boxes.map((box) => (box.width * box.height) / (width * height));
    const aspects = boxes.map((box) => Math.log(box.width / box.height));
    const agree = (ours: number, theirs: number, spread: number): void =>
      expect(Math.abs(ours - theirs)).toBeLessThan(4.5 * spread * Math.sqrt(2 / n));
    agree(mean(areas), official.area_mean, official.area_std);
    agree(mean(aspects), official.log_aspect_mean, official.log_aspect_std);
    agree(deviation(areas), official.area_std, official.area_std);
    agree(deviation(aspects), official.log_aspect_std, official.log_aspect_std);
    const tops = boxes.map(({ top }) => top);
    const lefts = boxes.map(({ left }) => left);
    agree(mean(tops), official.top_mean, deviation(tops));
    agree(mean(lefts), official.left_mean, deviation(lefts));
    const ours = new Array<number>(20).fill(0);
    for (const area of areas) ours[Math.min(19, Math.floor(area * 20))]!++;
    let chiSquare = 0;
    let bins = 0;
    official.area_histogram_20_bins_0_to_1.forEach((theirs, i) => {
      if (theirs + ours[i]! === 0) return;
      chiSquare += (theirs - ours[i]!) ** 2 / (theirs + ours[i]!);
      bins++;
    });
    expect(chiSquare).toBeLessThan(bins + 4.5 * Math.sqrt(2 * bins));
  });

  it.each([
    [1, 1, { left: 0, top: 0, width: 1, height: 1 }],
    [1, 900, { left: 0, top: 449, width: 1, height: 1 }],
    [900, 1, { left: 449, top: 0, width: 1, height: 1 }],
    [30, 900, { left: 0, top: 430, width: 30, height: 40 }],
    [900, 30, { left: 430, top: 0, width: 40, height: 30 }],
  ])('falls back to the centre crop of a %i × %i picture', (width, height, box) => {
    expect(drawBox(new Random(1, Purpose.test), [0.99, 1], width, height)).toEqual(box);
  });
});

describe('drawCrops', () => {
  const many = (changes: Partial<CropOptions>): Crop[][] =>
    Array.from({ length: 4000 }, (_, i) => drawCrops({ ...options, ...changes }, 3, 0, i, 100, 75));
  /** Within 4.5 standard errors. */
  const share = (crops: Crop[], has: (crop: Crop) => boolean, probability: number): void => {
    const found = crops.filter(has).length / crops.length;
    const error = 4.5 * Math.sqrt((probability * (1 - probability)) / crops.length);
    expect(Math.abs(found - probability)).toBeLessThanOrEqual(error);
  };

  it('depends on seed, epoch and picture alone, and local crops do not change global ones', () => {
    const crops = drawCrops(options, 1, 2, 3, 640, 480);
    expect(drawCrops(options, 1, 2, 3, 640, 480)).toEqual(crops);
    for (const [seed, epoch, index] of [
      [2, 2, 3],
      [1, 3, 3],
      [1, 2, 4],
    ] as const) {
      expect(drawCrops(options, seed, epoch, index, 640, 480)).not.toEqual(crops);
    }
    expect(drawCrops({ ...options, local_crops_number: 0 }, 1, 2, 3, 640, 480)).toEqual(crops.slice(0, 2));
    expect(crops.map(({ isGlobal, size }) => [isGlobal, size])).toEqual([
      [true, 224],
      [true, 224],
      [false, 96],
      [false, 96],
      [false, 96],
    ]);
  });

  it('blurs and solarises with the probabilities of each kind of crop, the third global crop as the second', () => {
    const drawn = many({ global_crops_number: 3, local_crops_number: 1 });
    const [blur, solarise] = [
      [1, 0.1, 0.1, 0.5],
      [0, 0.2, 0.2, 0],
    ];
    for (let kind = 0; kind < 4; kind++) {
      const crops = drawn.map((all) => all[kind]!);
      share(crops, (crop) => crop.blur > 0, blur[kind]!);
      share(crops, (crop) => crop.solarise, solarise[kind]!);
      share(crops, (crop) => crop.flip, 0.5);
      share(crops, (crop) => crop.grayscale, 0.2);
      share(crops, (crop) => crop.jitter !== undefined, 0.8);
    }
  });

  it('draws colour factors uniformly in their ranges, in every order', () => {
    const crops = many({}).flat();
    const uniform = (values: number[], low: number, high: number): void => {
      expect(Math.min(...values)).toBeGreaterThanOrEqual(low);
      expect(Math.max(...values)).toBeLessThanOrEqual(high);
      expect(Math.abs(mean(values) - (low + high) / 2)).toBeLessThan((4.5 * (high - low)) / Math.sqrt(12 * values.length));
    };
    const jitters = crops.flatMap(({ jitter }) => jitter ?? []);
    uniform(
      jitters.map(({ brightness }) => brightness),
      0.6,
      1.4,
    );
    uniform(
      jitters.map(({ contrast }) => contrast),
      0.6,
      1.4,
    );
    uniform(
      jitters.map(({ saturation }) => saturation),
      0.8,
      1.2,
    );
    uniform(
      jitters.map(({ hue }) => hue),
      -0.1,
      0.1,
    );
    uniform(
      crops.flatMap(({ blur }) => (blur > 0 ? [blur] : [])),
      0.1,
      2,
    );
    const orders = new Map<string, number>();
    for (const { order } of jitters) orders.set(order.join(''), (orders.get(order.join('')) ?? 0) + 1);
    expect(orders.size).toBe(24);
    const expected = jitters.length / 24;
    for (const count of orders.values()) expect(Math.abs(count - expected)).toBeLessThan(4.5 * Math.sqrt(expected));
  });
});

describe('largestShrink', () => {
  it('leaves every box at least its result, and never enlarges', () => {
    const crop = (width: number, height: number, size: number): Crop => ({
      ...drawCrops(options, 1, 0, 0, 9, 9)[0]!,
      width,
      height,
      size,
    });
    expect(largestShrink([crop(1000, 500, 100), crop(300, 900, 50)])).toBe(5);
    expect(largestShrink([crop(1000, 500, 100), crop(30, 900, 50)])).toBe(1);
  });
});

describe('encodeCrops', () => {
  const bits = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0]!;

  it('writes sixteen words per crop, boxes in pixels of the decoded picture', () => {
    const box = { left: 40, top: 30, width: 101, height: 60, isGlobal: true, size: 8 };
    const jitter = { order: [2, 0, 3, 1], brightness: 0.7, contrast: 1.3, saturation: 0.9, hue: -0.05 };
    const crops: Crop[] = [
      { ...box, flip: true, jitter, grayscale: false, solarise: true, blur: 1.5 },
      { ...box, flip: false, jitter: undefined, grayscale: true, solarise: false, blur: 0 },
    ];
    const placed = { offset: 7, width: 50, height: 25, fullWidth: 200, fullHeight: 100 };
    const words = encodeCrops(crops, [placed, placed]);
    expect(words).toHaveLength(2 * CROP_WORDS);
    const head = [7, 50, 25, bits(10), bits(7.5), bits(25.25), bits(15)];
    expect([...words.subarray(0, 16)]).toEqual([
      ...head,
      0b1101,
      0x1302,
      bits(0.7),
      bits(1.3),
      bits(0.9),
      bits(-0.05),
      bits(1.5),
      0,
      0,
    ]);
    expect([...words.subarray(16)]).toEqual([...head, 0b0010, 0, 0, 0, 0, 0, 0, 0, 0]);
  });
});
