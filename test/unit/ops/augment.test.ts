/** What the reference case does not hold: fractional boxes, sizes that are no multiple of 4, extreme pictures. */
import { describe, expect, test } from 'vitest';
import { compileGraph, download, Graph, upload } from '../../../src/engine/graph';
import {
  augment,
  centreCropNormalise,
  RECORD_WORDS,
  writeAugmentRecord,
  type AugmentRecord,
} from '../../../src/engine/ops/augment';
import { Purpose, Random } from '../../../src/engine/random';
import { testGpu } from '../../support/gpu';

const plain = { mean: [0, 0, 0], std: [1, 1, 1] } as const;

/** Smooth colours with some noise, so that one grey level is a small difference. */
function pixelsOf(width: number, height: number): Uint32Array {
  const random = new Random(width * 1000 + height, Purpose.test);
  return Uint32Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    const level = (phase: number): number => {
      const value = 128 + 100 * Math.sin(x / 5 + phase) * Math.cos(y / 7 + phase) + 20 * random.normal();
      return Math.min(255, Math.max(0, Math.round(value)));
    };
    return level(0) | (level(1) << 8) | (level(2) << 16);
  });
}

async function run(pixels: Uint32Array, records: AugmentRecord[], size: number): Promise<Float32Array> {
  const gpu = await testGpu();
  const graph = new Graph();
  const words = new Uint32Array(records.length * RECORD_WORDS);
  records.forEach((record, i) => writeAugmentRecord(record, words, i));
  const [source, table] = [graph.input('pixels', [pixels.length], 'u32'), graph.input('records', [words.length], 'u32')];
  const images = graph.keep(augment(graph, source, table, { crops: records.length, size, ...plain }));
  upload(gpu, source, pixels);
  upload(gpu, table, words);
  const plan = await compileGraph(gpu, graph);
  plan.run();
  const got = await download(gpu, images);
  plan.destroy();
  return got;
}

/** Pillow's resampling along one axis in f64: the weights of the source places of each output place. */
function resampling(start: number, length: number, limit: number, size: number): { first: number; weights: number[] }[] {
  const cubic = (x: number): number => {
    const d = Math.abs(x);
    if (d < 1) return (1.5 * d - 2.5) * d * d + 1;
    return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
  };
  const begin = Math.max(0, Math.floor(start));
  const end = Math.min(limit, Math.ceil(start + length));
  const scale = length / size;
  const filter = Math.max(1, scale);
  return Array.from({ length: size }, (_, i) => {
    const centre = start + (i + 0.5) * scale;
    const first = Math.max(begin, Math.floor(centre - 2 * filter + 0.5));
    const last = Math.min(end, Math.floor(centre + 2 * filter + 0.5));
    const raw = Array.from({ length: last - first }, (_, t) => cubic((first + t + 0.5 - centre) / filter));
    const total = raw.reduce((a, b) => a + b, 0);
    return { first, weights: raw.map((w) => w / total) };
  });
}

function cropped(pixels: Uint32Array, r: AugmentRecord, size: number): number[] {
  const eightBits = (v: number): number => Math.min(255, Math.max(0, Math.floor(v + 0.5)));
  const columns = resampling(r.left, r.width, r.pictureWidth, size);
  const rows = resampling(r.top, r.height, r.pictureHeight, size);
  return [0, 8, 16].flatMap((shift) => {
    const at = (y: number, x: number): number => (pixels[r.offset + y * r.pictureWidth + x]! >>> shift) & 255;
    const across = (y: number): number[] =>
      columns.map(({ first, weights }) => eightBits(weights.reduce((sum, w, t) => sum + w * at(y, first + t), 0)));
    const lines = Array.from({ length: r.pictureHeight }, (_, y) => across(y));
    return rows.flatMap(({ first, weights }) => {
      const line = columns.map((_, x) => eightBits(weights.reduce((sum, w, t) => sum + w * lines[first + t]![x]!, 0)));
      return r.flip ? line.reverse() : line;
    });
  });
}

describe.each([7, 33, 12])('crops of %i pixels', (size) => {
  const boxes: [width: number, height: number, left: number, top: number, boxWidth: number, boxHeight: number][] = [
    [50, 40, 3.25, 4.75, 30.5, 20.125],
    [50, 40, 0, 0, 50, 40],
    [64, 200, 10.4, 0.3, 12.6, 199.6],
    [90, 3, 60.9, 0, 29.1, 3],
    [1, 1, 0, 0, 1, 1],
    [1, 70, 0, 5, 1, 9.5],
    [21, 21, 20.5, 20.5, 0.5, 0.5],
  ];
  test('equal Pillow for fractional boxes and odd pictures', async () => {
    const pictures = boxes.map(([width, height]) => pixelsOf(width, height));
    const pixels = Uint32Array.from(pictures.flatMap((p) => [...p]));
    let offset = 0;
    const records = boxes.map(([pictureWidth, pictureHeight, left, top, width, height], i): AugmentRecord => {
      const record = { offset, pictureWidth, pictureHeight, left, top, width, height, flip: i % 2 === 0 };
      offset += pictureWidth * pictureHeight;
      return record;
    });
    const got = await run(pixels, records, size);
    const want = records.flatMap((record) => cropped(pixels, record, size));
    expect(got.length).toBe(want.length);
    const differences = want.map((value, i) => Math.abs(got[i]! * 255 - value));
    // A value at the border between two grey levels may fall on either side; it then moves the next pass by as little.
    expect(Math.max(...differences)).toBeLessThan(1.001);
    expect(differences.filter((d) => d > 0.001).length / want.length).toBeLessThan(0.002);
  });
});

test('solarise, greyscale and blur act on their crop alone, in that batch', async () => {
  const size = 10;
  const pixels = pixelsOf(size, size);
  const whole = { offset: 0, pictureWidth: size, pictureHeight: size, left: 0, top: 0, width: size, height: size };
  const changes = [{}, { solarise: true }, { greyscale: true }, { blur: 2.4 }];
  const got = await run(pixels, changes.map((change) => ({ ...whole, ...change })), size);
  const [plainCrop, solarised, grey, blurred] = [0, 1, 2, 3].map((i) =>
    [...got.subarray(i * 300, i * 300 + 300)].map((v) => Math.round(v * 255)),
  ) as [number[], number[], number[], number[]];
  expect(plainCrop).toEqual([0, 8, 16].flatMap((shift) => [...pixels].map((v) => (v >>> shift) & 255)));
  expect(solarised).toEqual(plainCrop.map((v) => (v < 128 ? v : 255 - v)));
  const levels = [...pixels].map((v) => (19595 * (v & 255) + 38470 * ((v >>> 8) & 255) + 7471 * (v >>> 16) + 32768) >> 16);
  expect(grey).toEqual([...levels, ...levels, ...levels]);
  // The weights sum to 1, so a blur keeps the range and brings neighbours together.
  const roughness = (v: number[]): number => v.reduce((sum, x, i) => (i % size ? sum + Math.abs(x - v[i - 1]!) : sum), 0);
  expect(roughness(blurred)).toBeLessThan(0.5 * roughness(plainCrop));
  expect(Math.max(...blurred)).toBeLessThanOrEqual(Math.max(...plainCrop));
  expect(Math.min(...blurred)).toBeGreaterThanOrEqual(Math.min(...plainCrop));
});

test('a box of the whole picture at its own size changes nothing', async () => {
  const pixels = pixelsOf(48, 48);
  const [width, height] = [48, 48];
  const got = await run(pixels, [{ offset: 0, pictureWidth: width, pictureHeight: height, left: 0, top: 0, width, height }], 48);
  const planes = [0, 8, 16].flatMap((shift) => [...pixels].map((v) => (v >>> shift) & 255));
  expect([...got].map((value) => Math.round(value * 255 * 1e4) / 1e4)).toEqual(planes);
});

test('a flat picture stays flat through every blur', async () => {
  const size = 9;
  const whole = { offset: 0, pictureWidth: size, pictureHeight: size, left: 0, top: 0, width: size, height: size };
  const deviations = [0.1, 0.5, 1, 1.41, 1.42, 2, 2.4];
  const flat = new Uint32Array(size * size).fill(10 | (200 << 8) | (255 << 16));
  const got = await run(flat, deviations.map((blur) => ({ ...whole, blur })), size);
  got.forEach((v, i) => expect(Math.round(v * 255)).toBe([10, 200, 255][Math.floor(i / (size * size)) % 3]));
});

test('a blur wider than the filter is refused', () => {
  const record = { offset: 0, pictureWidth: 1, pictureHeight: 1, left: 0, top: 0, width: 1, height: 1, blur: 3 };
  expect(() => writeAugmentRecord(record, new Uint32Array(RECORD_WORDS), 0)).toThrow(/blur 3/);
});

test.each([[[5, 5]], [[3, 7]]] as const)('pictures for evaluation of %j are unpacked and normalised', async ([height, width]) => {
  const gpu = await testGpu();
  const graph = new Graph();
  const mean = [0.485, 0.456, 0.406] as const;
  const std = [0.229, 0.224, 0.225] as const;
  const values = pixelsOf(width, height * 3);
  const pixels = graph.input('pixels', [3, height * width], 'u32');
  const images = graph.keep(centreCropNormalise(graph, pixels, { size: height === width ? height : [height, width], mean, std }));
  expect(images.shape).toEqual([3, 3, height, width]);
  upload(gpu, pixels, values);
  const plan = await compileGraph(gpu, graph);
  plan.run();
  const got = await download(gpu, images);
  const area = height * width;
  got.forEach((v, i) => {
    const [picture, c, at] = [Math.floor(i / (3 * area)), Math.floor(i / area) % 3, i % area];
    const level = (values[picture * area + at]! >>> (8 * c)) & 255;
    expect(v).toBeCloseTo((level / 255 - mean[c]!) / std[c]!, 5);
  });
  plan.destroy();
});
