/** The processor's crops are those of the device: same boxes, same colours, at most a level apart. */
import { expect, test } from 'vitest';
import { cropPixels, encodeCrops, type Crop, type PackedPicture } from '../../../src/engine/data';
import { compileGraph, download, Graph, upload } from '../../../src/engine/graph';
import { augment } from '../../../src/engine/ops';
import { Purpose, Random } from '../../../src/engine/random';
import { testGpu } from '../../support/gpu';

const [width, height, size] = [40, 30, 22];

function pictureOf(): PackedPicture {
  const random = new Random(5, Purpose.test);
  const words = Uint32Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    const level = (phase: number): number =>
      Math.min(255, Math.max(0, Math.round(128 + 100 * Math.sin(x / 5 + phase) * Math.cos(y / 7 + phase) + 20 * random.normal())));
    return level(0) | (level(1) << 8) | (level(2) << 16);
  });
  return { width, height, fullWidth: 2 * width, fullHeight: 2 * height, words };
}

const plain: Crop = {
  ...{ left: 5, top: 7, width: 51, height: 43, isGlobal: true, size },
  ...{ flip: false, jitter: undefined, grayscale: false, blur: 0, solarise: false },
};
/** Takes 22 × 22 decoded pixels as they are, so that nothing before the colours differs. */
const asItIs: Crop = { ...plain, left: 6, top: 4, width: 44, height: 44 };
const none = { brightness: 1, contrast: 1, saturation: 1, hue: 0, order: [0, 1, 2, 3] };
const mixed = { order: [2, 1, 3, 0], brightness: 1.3, contrast: 0.7, saturation: 1.15, hue: -0.07 };
/** Largest difference in levels: what lies at the border between two levels may fall on either side. What is tested comes last. */
const cases: readonly (readonly [what: string, crop: Crop, most: number])[] = [
  ['box', plain, 1],
  ['mirrored box', { ...plain, flip: true }, 1],
  ['as it is', asItIs, 0],
  ['brightness', { ...asItIs, jitter: { ...none, order: [3, 1, 2, 0], brightness: 1.37 } }, 1],
  ['contrast', { ...asItIs, jitter: { ...none, order: [0, 3, 2, 1], contrast: 1.31 } }, 1],
  ['saturation', { ...asItIs, jitter: { ...none, order: [0, 1, 3, 2], saturation: 0.83 } }, 1],
  ['hue', { ...asItIs, jitter: { ...none, order: [0, 1, 2, 3], hue: 0.09 } }, 1],
  ['all colours', { ...asItIs, jitter: mixed }, 2],
  ['grey', { ...asItIs, grayscale: true }, 0],
  ['solarised', { ...asItIs, solarise: true }, 0],
  ['soft blur', { ...plain, blur: 0.8 }, 1],
  ['strong blur', { ...plain, blur: 2.3 }, 1],
];

test('equal the crops of the device', async () => {
  const gpu = await testGpu();
  const picture = pictureOf();
  const crops = cases.map(([, crop]) => crop);
  const graph = new Graph();
  const records = encodeCrops(crops, crops.map(() => ({ ...picture, offset: 0 })));
  const [pixels, table] = [graph.input('pixels', [picture.words.length], 'u32'), graph.input('records', [records.length], 'u32')];
  const images = graph.keep(augment(graph, pixels, table, { crops: crops.length, size, mean: [0, 0, 0], std: [1, 1, 1] }));
  upload(gpu, pixels, picture.words);
  upload(gpu, table, records);
  const plan = await compileGraph(gpu, graph);
  plan.run();
  const all = await download(gpu, images);
  plan.destroy();
  const area = size * size;
  const ofDevice = (i: number): number[] =>
    Array.from({ length: 3 * area }, (_, at) => Math.round(255 * all[i * 3 * area + (at % 3) * area + Math.floor(at / 3)]!));
  cases.forEach(([what, crop, most], i) => {
    const own = cropPixels(picture, crop);
    const differences = ofDevice(i).map((value, at) => Math.abs(value - own[at]!));
    expect(Math.max(...differences), what).toBeLessThanOrEqual(most);
    expect(differences.reduce((sum, d) => sum + d, 0) / differences.length, what).toBeLessThan(0.01);
  });
});
