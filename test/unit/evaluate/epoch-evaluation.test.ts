import { beforeAll, describe, expect, test } from 'vitest';
import { DecodePool, makeManifest, splitIndices, type Manifest, type PackedPicture } from '../../../src/engine/data';
import { centredPixels, EpochEvaluator, untrainedBackbone, type EpochEvaluatorOptions } from '../../../src/engine/evaluate';
import { drawView } from '../../../src/engine/evaluate/views';
import { cropOptionsOf, Network, networkConfigOf, resolveRecipe } from '../../../src/engine/ibot';
import { Random } from '../../../src/engine/random';
import { testGpu } from '../../support/gpu';
import { temporaryFolder } from '../../support/temporary-folder';
import { picture, put } from '../data/pictures';

const recipe = resolveRecipe({
  embed_dim: 16,
  depth: 1,
  num_heads: 2,
  patch_size: 8,
  global_crops_size: 32,
  out_dim: 16,
  head_hidden_dim: 16,
  head_bottleneck_dim: 8,
});
const crops = cropOptionsOf(recipe);

/** Without threads: nothing to close. */
const pool = new DecodePool({ workers: 0 });
let manifest: Manifest;

beforeAll(async () => {
  const root = temporaryFolder();
  // Dark and light pictures: any features tell them apart.
  for (let i = 0; i < 40; i++) {
    const light = i % 2 === 1;
    const shade = picture(40, 44, i).linear(0.3, light ? 170 : 0);
    await put(root, `${light ? 'light' : 'dark'}/${i}.png`, await shade.png().toBuffer());
  }
  await put(root, 'dark/broken.png', 'no picture');
  ({ manifest } = await makeManifest(root, { seed: 0, heldOut: 0.25 }));
});

async function evaluator(pictures = manifest, options: Partial<EpochEvaluatorOptions> = {}): Promise<EpochEvaluator> {
  const { backbone: model } = networkConfigOf(recipe);
  const common = { gpu: await testGpu(), crops, seed: 0, table: new Map(), pool };
  return new EpochEvaluator({ ...common, manifest: pictures, model, ...options });
}

describe('measuring on held-out pictures', () => {
  test('gives all scores, the same every time, from the untrained network as from a teacher with its values', async () => {
    const gpu = await testGpu();
    const network = new Network(networkConfigOf(recipe));
    const measuring = await evaluator();
    const untrained = untrainedBackbone(gpu, network, 0);
    const seen: [number, number][] = [];
    const first = await measuring.measure(untrained, (done, total) => seen.push([done, total]));
    expect(first.knn).toMatchObject({ k10: expect.any(Number), k20: expect.any(Number), k100: null, k200: null });
    expect(first.knn!.k10).toBeGreaterThan(80);
    expect(first.retrieval).toBeGreaterThanOrEqual(0);
    expect(first.rank).toBeGreaterThan(1);
    const total = splitIndices(manifest, 'train').length + 3 * splitIndices(manifest, 'held-out').length;
    expect(seen.at(-1)).toEqual([total, total]);

    const teacher = network.teacherFromStudent(network.student.initialise(0));
    network.teacher.values.buffer = gpu.createBuffer(network.teacher.values.bytes, 'teacher');
    gpu.device.queue.writeBuffer(network.teacher.values.buffer, 0, teacher.buffer);
    expect(await measuring.measure(network.teacher)).toEqual(first);
    untrained.values.destroy();
    network.destroy();
  });

  test('of large sets, takes a part, and says so', async () => {
    const gpu = await testGpu();
    const untrained = untrainedBackbone(gpu, new Network(networkConfigOf(recipe)), 0);
    expect((await evaluator()).coverage).toBeUndefined();
    const measuring = await evaluator(manifest, { most: { training: 12, heldOut: 6 } });
    expect(measuring.coverage).toMatch(/on 6 of 10 held-out pictures, by 12 of 31 training pictures/);
    let total = 0;
    const scores = await measuring.measure(untrained, (_done, all) => (total = all));
    expect(total).toBe(12 + 3 * 6);
    expect(scores.knn).toMatchObject({ k10: expect.any(Number), k20: null });
    // Both classes are in the part.
    expect((await measuring.measurePixels())!.k10).toBe(100);
    untrained.values.destroy();
  });

  test('raw pixels tell dark from light', async () => {
    const measuring = await evaluator();
    expect((await measuring.measurePixels())!.k10).toBe(100);
  });

  test('without labels, or without held-out pictures, there is no k-NN', async () => {
    const gpu = await testGpu();
    const untrained = untrainedBackbone(gpu, new Network(networkConfigOf(recipe)), 0);
    const pictures = manifest.pictures.map((entry) => ({ ...entry, label: -1 }));
    const unlabelled = await evaluator({ ...manifest, classes: [], pictures });
    expect(await unlabelled.measurePixels()).toBeNull();
    const numbers = { retrieval: expect.any(Number), rank: expect.any(Number) };
    expect(await unlabelled.measure(untrained)).toMatchObject({ knn: null, ...numbers });
    const all = manifest.pictures.map((entry) => ({ ...entry, split: 'train' as const }));
    const nothingHeldOut = await evaluator({ ...manifest, pictures: all });
    expect(await nothingHeldOut.measure(untrained)).toMatchObject({ knn: null, retrieval: null, rank: expect.any(Number) });
  });

  test('a signal ends it', async () => {
    const gpu = await testGpu();
    const untrained = untrainedBackbone(gpu, new Network(networkConfigOf(recipe)), 0);
    const measuring = await evaluator();
    const controller = new AbortController();
    const running = measuring.measure(untrained, () => controller.abort(), controller.signal);
    await expect(running).rejects.toThrow(/abort/);
  });
});

test('raw pixels are centred by the mean training picture', () => {
  const training = [Uint8Array.of(0, 51), Uint8Array.of(102, 51)];
  const { train, test: held, dimension } = centredPixels(training, [Uint8Array.of(51, 255)]);
  expect(dimension).toBe(2);
  expect([...train]).toEqual([-0.2, 0, 0.2, 0].map(Math.fround));
  expect([...held]).toEqual([0, 0.8].map(Math.fround));
});

test('a view shows what its box holds, in its size', () => {
  const width = 64;
  const words = Uint32Array.from({ length: width * width }, (_, i) => (i % width) * 4);
  const whole: PackedPicture = { width, height: width, fullWidth: width, fullHeight: width, words };
  const rows: number[][] = [];
  for (let seed = 0; seed < 8; seed++) {
    const view = drawView(whole, [0.25, 0.25], 16, new Random(seed, 9));
    expect(view).toHaveLength(16 * 16 * 3);
    const row = Array.from({ length: 16 }, (_, x) => view[3 * (8 * 16 + x)]!);
    rows.push(row);
    // A quarter of the area is about half of the width: red rises or falls by half of its range.
    expect(Math.abs(row[15]! - row[0]!)).toBeGreaterThan(85);
    expect(Math.abs(row[15]! - row[0]!)).toBeLessThan(155);
    expect(view[1]).toBe(0);
  }
  expect(rows.some((row) => row[0]! > row[15]!)).toBe(true);
  expect(rows.some((row) => row[0]! < row[15]!)).toBe(true);
});
