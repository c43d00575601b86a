import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  BatchLoader,
  CROP_WORDS,
  drawCrops,
  epochOrder,
  makeManifest,
  splitIndices,
  type Batch,
  type BatchLoaderOptions,
  type CropOptions,
  type Manifest,
} from '../../../src/engine/data';
import { UserError } from '../../../src/engine/errors';
import { decodeWorkerEntry } from '../../support/decode-worker';
import { gradientPixels, picture, put, temporaryFolder } from './pictures';

const crops: CropOptions = {
  global_crops_number: 2,
  global_crops_scale: [0.25, 1],
  global_crops_size: 32,
  local_crops_number: 3,
  local_crops_scale: [0.05, 0.25],
  local_crops_size: 16,
};

let root: string;
let manifest: Manifest;
beforeAll(async () => {
  root = await temporaryFolder();
  for (let i = 0; i < 12; i++) {
    const image = picture(40 + i, 50, i);
    await put(
      root,
      `${i % 2 ? 'odd' : 'even'}/${i}.${i % 3 ? 'png' : 'jpg'}`,
      await (i % 3 ? image.png() : image.jpeg()).toBuffer(),
    );
  }
  // Large enough to be shrunk for its crops.
  await put(root, 'odd/large.jpg', await picture(900, 700).jpeg().toBuffer());
  ({ manifest } = await makeManifest(root, { seed: 1, heldOut: 0 }));
});

let loader: BatchLoader | undefined;
const open = (options: Partial<BatchLoaderOptions> = {}): BatchLoader =>
  (loader = new BatchLoader({ manifest, crops, seed: 7, batchSize: 4, workers: 0, ...options }));
afterEach(() => loader?.close());

const digest = ({ pixels, globalCrops, localCrops, labels, indices, replaced }: Batch): string => {
  const hash = createHash('sha256');
  for (const part of [pixels, globalCrops, localCrops, labels, indices]) hash.update(part).update('|');
  return `${hash.digest('hex')} ${replaced}`;
};

describe('BatchLoader', () => {
  it('holds the pictures of the epoch’s order with their labels, pixels and crops, crop-major', async () => {
    const small = manifest.pictures.findIndex(({ path }) => path === 'odd/7.png');
    const order = epochOrder(7, 2, 13);
    const position = order.indexOf(small);
    const step = Math.min(2, Math.floor(position / 4));
    const batch = await open({ batchSize: 4 }).batch(2, step);
    expect([...batch.indices]).toEqual([...order.subarray(step * 4, step * 4 + 4)]);
    expect([...batch.labels]).toEqual([...batch.indices].map((index) => manifest.pictures[index]!.label));
    expect(batch.replaced).toBe(0);
    expect(batch.globalCrops).toHaveLength(4 * 2 * CROP_WORDS);
    expect(batch.localCrops).toHaveLength(4 * 3 * CROP_WORDS);
    const floats = new Float32Array(batch.localCrops.buffer);
    for (let slot = 0; slot < 4; slot++) {
      const index = batch.indices[slot]!;
      const [offset, width, height] = batch.localCrops.subarray(slot * CROP_WORDS, slot * CROP_WORDS + 3) as unknown as number[];
      const { path } = manifest.pictures[index]!;
      const full = path === 'odd/large.jpg' ? [900, 700] : [40 + Number(/\d+/.exec(path)![0]), 50];
      const drawn = drawCrops(crops, 7, 2, index, full[0]!, full[1]!);
      for (let crop = 0; crop < 3; crop++) {
        const at = (crop * 4 + slot) * CROP_WORDS;
        expect(batch.localCrops[at]).toBe(offset);
        expect(floats[at + 3]).toBeCloseTo((drawn[2 + crop]!.left * width!) / full[0]!, 3);
        expect(floats[at + 6]).toBeCloseTo((drawn[2 + crop]!.height * height!) / full[1]!, 3);
      }
      if (!path.endsWith('png')) continue;
      const rgb = gradientPixels(full[0]!, 50, Number(/\d+/.exec(path)![0]));
      for (const pixel of [0, 77, full[0]! * 50 - 1]) {
        const word = rgb[pixel * 3]! | (rgb[pixel * 3 + 1]! << 8) | (rgb[pixel * 3 + 2]! << 16);
        expect(batch.pixels[offset! + pixel]).toBe(word);
      }
    }
  });

  it('shrinks a large picture as far as its crops allow', async () => {
    const large = manifest.pictures.findIndex(({ path }) => path === 'odd/large.jpg');
    const batch = await open({ batchSize: 13 }).batch(0, 0);
    const slot = batch.indices.indexOf(large);
    const width = batch.globalCrops[slot * CROP_WORDS + 1]!;
    expect([450, 225, 113]).toContain(width);
    const floats = [new Float32Array(batch.globalCrops.buffer), new Float32Array(batch.localCrops.buffer)] as const;
    for (let crop = 0; crop < 5; crop++) {
      const [values, at, size] = crop < 2 ? [floats[0], crop, 32] : [floats[1], crop - 2, 16];
      const start = (at * 13 + slot) * CROP_WORDS;
      expect(Math.min(values[start + 5]!, values[start + 6]!)).toBeGreaterThanOrEqual(size - 1e-3);
    }
  });

  it('gives the same bytes with any number of threads, from any step, with and without the cache', async () => {
    const digests: string[][] = [];
    for (const options of [{ workers: 0 }, { workers: 1 }, { workers: 3 }, { workers: 0, cacheBytes: 0, prefetch: 0 }]) {
      open({ ...options, workerEntry: await decodeWorkerEntry() });
      const found: string[] = [];
      for (const [epoch, step] of [
        [0, 0],
        [0, 1],
        [0, 2],
        [1, 0],
        [1, 1],
      ] as const)
        found.push(digest(await loader!.batch(epoch, step)));
      digests.push(found);
      await loader!.close();
    }
    expect(new Set(digests[0]).size).toBe(5);
    for (const other of digests.slice(1)) expect(other).toEqual(digests[0]);
    expect(digest(await open().batch(1, 1))).toBe(digests[0]![4]);
    await loader!.close();
    expect(digest(await open({ seed: 8 }).batch(1, 1))).not.toBe(digests[0]![4]);
  });

  it('keeps the pixels of a batch within its limit by making the largest smaller', async () => {
    const size = async (maxPixelsPerBatch?: number): Promise<Batch> => {
      await loader?.close();
      return open({ batchSize: 13, ...(maxPixelsPerBatch ? { maxPixelsPerBatch } : {}) }).batch(0, 0);
    };
    const whole = await size();
    const limited = await size(25_000);
    expect(limited.pixels.length).toBeLessThanOrEqual(25_000);
    expect(limited.pixels.length).toBeGreaterThan(22_000);
    expect(whole.pixels.length).toBeGreaterThan(25_000);
    // The box keeps its place in the picture, and no pixel has a fourth byte.
    const relative = (batch: Batch): number => new Float32Array(batch.globalCrops.buffer)[3]! / batch.globalCrops[1]!;
    expect(relative(limited)).toBeCloseTo(relative(whole), 5);
    expect(limited.pixels.every((word) => word < 1 << 24)).toBe(true);
  });

  it('refuses batches larger than the set, and steps that do not exist', async () => {
    expect(() => open({ batchSize: 14 })).toThrow(UserError);
    expect(open().stepsPerEpoch).toBe(3);
    await expect(loader!.batch(0, 3)).rejects.toThrow(/no step 3/);
  });
});

describe('BatchLoader with unreadable pictures', () => {
  const make = async (good: number, bad: number): Promise<{ folder: string; manifest: Manifest }> => {
    const folder = await temporaryFolder();
    for (let i = 0; i < good; i++) await put(folder, `good${i}.png`, await picture(33, 33, i).png().toBuffer());
    for (let i = 0; i < bad; i++) await put(folder, `bad${i}.png`, 'not a picture');
    return { folder, manifest: (await makeManifest(folder, { seed: 1, heldOut: 0 })).manifest };
  };

  it('puts the next readable ones in their place, the same from any step, and lists the reasons', async () => {
    const { folder, manifest: set } = await make(28, 2);
    await rm(join(folder, 'good0.png'));
    const run = async (workers: number, steps: number[]): Promise<Batch[]> => {
      open({ manifest: set, batchSize: 5, workers, workerEntry: await decodeWorkerEntry() });
      const batches: Batch[] = [];
      for (const step of steps) batches.push(await loader!.batch(0, step));
      return batches;
    };
    const batches = await run(0, [0, 1, 2, 3, 4, 5]);
    expect([...loader!.problems].sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
      { path: 'bad0.png', reason: 'not a picture' },
      { path: 'bad1.png', reason: 'not a picture' },
      { path: 'good0.png', reason: 'gone' },
    ]);
    expect(JSON.parse(loader!.problemsText().split('\n')[0]!)).toHaveProperty('reason');
    expect(batches.reduce((sum, { replaced }) => sum + replaced, 0)).toBe(3);
    const order = epochOrder(7, 0, 30);
    const isBad = (index: number): boolean => /bad|good0\./.test(set.pictures[index]!.path);
    batches.forEach(({ indices }, step) => {
      let next = step * 5 + 5;
      for (let slot = 0; slot < 5; slot++) {
        let expected = order[step * 5 + slot]!;
        while (isBad(expected)) expected = order[next++ % 30]!;
        expect(indices[slot]).toBe(expected);
      }
    });
    await loader!.close();
    for (const workers of [0, 3]) {
      const [fifth] = await run(workers, [5]);
      expect(digest(fifth!)).toBe(digest(batches[5]!));
      await loader!.close();
    }
  });

  it('stops when more than a tenth fails, unless that is allowed', async () => {
    const { manifest: set } = await make(26, 4);
    open({ manifest: set, batchSize: 30 });
    const failure = loader!.batch(0, 0);
    await expect(failure).rejects.toThrow(UserError);
    await expect(failure).rejects.toThrow(/4 of the 30 pictures .*"bad\d.png": not a picture.*--allow-bad/);
    await loader!.close();
    expect((await open({ manifest: set, batchSize: 30, allowBad: true }).batch(0, 0)).replaced).toBe(4);
  });

  it('does not judge by fewer than 20 pictures, unless there are no more', async () => {
    const { manifest: set } = await make(26, 4);
    const loaders = Array.from({ length: 8 }, (_, seed) => open({ manifest: set, batchSize: 3, seed, prefetch: 0 }));
    for (const each of loaders) {
      const { replaced } = await each.batch(0, 0);
      expect(replaced).toBe(each.problems.length);
    }
    expect(loaders.some((each) => each.problems.length > 0)).toBe(true);
    const { manifest: few } = await make(3, 1);
    await expect(open({ manifest: few, batchSize: 4 }).batch(0, 0)).rejects.toThrow(/1 of the 4 pictures/);
  });

  it('ends when no picture can be read', async () => {
    const { manifest: set } = await make(0, 5);
    await expect(open({ manifest: set, batchSize: 2, allowBad: true }).batch(0, 0)).rejects.toThrow(
      /None of the training pictures/,
    );
  });

  it('does not train on held-out pictures', async () => {
    const { folder } = await make(20, 0);
    const { manifest: set } = await makeManifest(folder, { seed: 1, heldOut: 0.3 });
    const seen = new Set<number>();
    open({ manifest: set, batchSize: 7 });
    for (let step = 0; step < loader!.stepsPerEpoch; step++)
      for (const index of (await loader!.batch(0, step)).indices) seen.add(index);
    expect([...seen].sort((a, b) => a - b)).toEqual([...splitIndices(set, 'train')]);
    expect(seen.size).toBe(14);
  });
});
