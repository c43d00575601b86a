import { createHash } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  BatchLoader,
  CROP_WORDS,
  DecodePool,
  drawCrops,
  epochOrder,
  makeManifest,
  PictureError,
  PicturesGoneError,
  splitIndices,
  standIns,
  type Batch,
  type BatchLoaderOptions,
  type CropJob,
  type CropOptions,
  type DecodePoolOptions,
  type Manifest,
} from '../../../src/engine/data';
import { UserError } from '../../../src/engine/errors';
import { decodeWorkerEntry } from '../../support/decode-worker';
import { temporaryFolder } from '../../support/temporary-folder';
import { gradientPixels, picture, put } from './pictures';

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
  root = temporaryFolder();
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
let pool: DecodePool | undefined;
const open = ({ workers = 0, workerEntry, ...options }: Partial<BatchLoaderOptions> & DecodePoolOptions = {}): BatchLoader => {
  pool = new DecodePool({ workers, ...(workerEntry && { workerEntry }) });
  return (loader = new BatchLoader({ manifest, crops, seed: 7, batchSize: 4, pool, ...options }));
};
const close = async (): Promise<void> => pool?.close();
afterEach(async () => {
  vi.restoreAllMocks();
  await close();
});

const digest = ({ pixels, globalCrops, localCrops, labels, indices }: Batch): string => {
  const hash = createHash('sha256');
  for (const part of [pixels, globalCrops, localCrops, labels, indices]) hash.update(part).update('|');
  return hash.digest('hex');
};

const sizeAt = (batch: Batch, slot: number): [number, number] => [
  batch.globalCrops[slot * CROP_WORDS + 1]!,
  batch.globalCrops[slot * CROP_WORDS + 2]!,
];

describe('BatchLoader', () => {
  it('holds the pictures of the epoch’s order with their labels, pixels and crops, crop-major', async () => {
    const small = manifest.pictures.findIndex(({ path }) => path === 'odd/7.png');
    const order = epochOrder(7, 2, 13);
    const position = order.indexOf(small);
    const step = Math.min(2, Math.floor(position / 4));
    const batch = await open({ batchSize: 4 }).batch(2, step);
    expect([...batch.indices]).toEqual([...order.subarray(step * 4, step * 4 + 4)]);
    expect([...batch.labels]).toEqual([...batch.indices].map((index) => manifest.pictures[index]!.label));
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
      await close();
    }
    expect(new Set(digests[0]).size).toBe(5);
    for (const other of digests.slice(1)) expect(other).toEqual(digests[0]);
    expect(digest(await open().batch(1, 1))).toBe(digests[0]![4]);
    await close();
    expect(digest(await open({ seed: 8 }).batch(1, 1))).not.toBe(digests[0]![4]);
  });

  it('gives each picture the same share of a batch’s pixels', async () => {
    const whole = await open({ batchSize: 13 }).batch(0, 0);
    await close();
    const limited = await open({ batchSize: 13, maxPixelsPerBatch: 25_000 }).batch(0, 0);
    const share = Math.floor(25_000 / 13);
    const sizes = Array.from(limited.indices, (_, slot) => sizeAt(limited, slot));
    for (const [width, height] of sizes) {
      expect(width * height).toBeLessThanOrEqual(share);
      expect(width * height).toBeGreaterThan(share * 0.9);
    }
    expect(limited.pixels).toHaveLength(sizes.reduce((sum, [width, height]) => sum + width * height, 0));
    // The box keeps its place in the picture, and no pixel has a fourth byte.
    const relative = (batch: Batch): number => new Float32Array(batch.globalCrops.buffer)[3]! / batch.globalCrops[1]!;
    expect(relative(limited)).toBeCloseTo(relative(whole), 5);
    expect(limited.pixels.every((word) => word < 1 << 24)).toBe(true);
  });

  it('gives a picture the same pixels and crops in batches of any size', async () => {
    // So large that even the whole picture's crops need more than a picture may have.
    const large = { ...crops, global_crops_size: 512, global_crops_scale: [0.8, 1], local_crops_scale: [0.5, 0.6] } as const;
    const seen: Map<number, string>[] = [];
    for (const batchSize of [1, 3, 13]) {
      open({ batchSize, crops: large, maxPixelsPerBatch: Math.min(1 << 25, batchSize << 18) });
      const pictures = new Map<number, string>();
      for (let step = 0; step < loader!.batchesPerEpoch; step++) {
        const batch = await loader!.batch(3, step);
        batch.indices.forEach((index, slot) => {
          const [width, height] = sizeAt(batch, slot);
          const offset = batch.globalCrops[slot * CROP_WORDS]!;
          expect(width * height).toBeLessThanOrEqual(512 * 512);
          const record = batch.globalCrops.subarray(slot * CROP_WORDS + 1, (slot + 1) * CROP_WORDS);
          const hash = createHash('sha256').update(batch.pixels.subarray(offset, offset + width * height)).update(record);
          pictures.set(index, `${width} × ${height} ${hash.digest('hex')}`);
        });
      }
      seen.push(pictures);
      await close();
    }
    const [ones, threes, whole] = seen as [Map<number, string>, Map<number, string>, Map<number, string>];
    expect(whole.size).toBe(13);
    expect(ones).toEqual(new Map([...ones.keys()].map((index) => [index, whole.get(index)!])));
    expect(threes).toEqual(new Map([...threes.keys()].map((index) => [index, whole.get(index)!])));
    const index = manifest.pictures.findIndex(({ path }) => path === 'odd/large.jpg');
    expect(whole.get(index)).toMatch(/^580 × 451 /);
  });

  it('goes on with the next epoch after the last batch that is taken', async () => {
    const run = vi.spyOn(DecodePool.prototype, 'run');
    open({ batchSize: 3, batchesPerEpoch: 2, prefetch: 1, cacheBytes: 0 });
    const asked = (): string[] => run.mock.calls.map(([job]) => `${(job as CropJob).epoch}: ${(job as CropJob).pictureIndex}`);
    const expected = (epoch: number, from: number, to: number): string[] =>
      [...epochOrder(7, epoch, 13).subarray(from, to)].map((index) => `${epoch}: ${index}`);
    await loader!.batch(0, 1);
    expect(asked()).toEqual([...expected(0, 3, 6), ...expected(1, 0, 3)]);
    await expect(loader!.batch(0, 2)).rejects.toThrow(/no step 2 in an epoch of 2/);
    expect(() => open({ batchSize: 3, batchesPerEpoch: 5 })).toThrow(RangeError);
  });

  it('refuses batches larger than the set, and steps that do not exist', async () => {
    expect(() => open({ batchSize: 14 })).toThrow(UserError);
    expect(open().batchesPerEpoch).toBe(3);
    await expect(loader!.batch(0, 3)).rejects.toThrow(/no step 3/);
  });
});

describe('BatchLoader with unreadable pictures', () => {
  const make = async (good: number, bad: number): Promise<{ folder: string; manifest: Manifest }> => {
    const folder = temporaryFolder();
    for (let i = 0; i < good; i++) await put(folder, `good${i}.png`, await picture(33, 33, i).png().toBuffer());
    for (let i = 0; i < bad; i++) await put(folder, `bad${i}.png`, 'not a picture');
    return { folder, manifest: (await makeManifest(folder, { seed: 1, heldOut: 0 })).manifest };
  };

  it('puts readable ones in their place, the same from any step, and lists the reasons', async () => {
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
    const order = epochOrder(7, 0, 30);
    const isBad = (index: number): boolean => /bad|good0\./.test(set.pictures[index]!.path);
    let replaced = 0;
    batches.forEach(({ indices }, step) => {
      const own = [...order.subarray(step * 5, step * 5 + 5)];
      const taken = new Set(own);
      own.forEach((index, slot) => {
        if (isBad(index)) {
          const candidates = [...standIns(step * 5 + slot, 30, 30)].map((place) => order[place]!);
          index = candidates.find((candidate) => !isBad(candidate) && !taken.has(candidate))!;
          replaced++;
        }
        taken.add(index);
        expect(indices[slot]).toBe(index);
      });
      expect(new Set(indices).size).toBe(5);
    });
    expect(replaced).toBe(3);
    await close();
    for (const workers of [0, 3]) {
      const [fifth] = await run(workers, [5]);
      expect(digest(fifth!)).toBe(digest(batches[5]!));
      await close();
    }
  });

  it('stops when more than a tenth fails, unless that is allowed', async () => {
    const { manifest: set } = await make(26, 4);
    open({ manifest: set, batchSize: 30 });
    const failure = loader!.batch(0, 0);
    await expect(failure).rejects.toThrow(UserError);
    await expect(failure).rejects.toThrow(/4 of the 30 pictures .*"bad\d.png": not a picture.*--allow-bad/);
    await close();
    const { indices } = await open({ manifest: set, batchSize: 30, allowBad: true }).batch(0, 0);
    expect(new Set(indices).size).toBe(26);
    expect(loader!.problems).toHaveLength(4);
  });

  it('does not judge by fewer than 20 pictures, unless there are no more', async () => {
    const { manifest: set } = await make(26, 4);
    const loaders = Array.from({ length: 8 }, (_, seed) => open({ manifest: set, batchSize: 3, seed, prefetch: 0 }));
    for (const each of loaders) {
      const { indices } = await each.batch(0, 0);
      expect([...indices].every((index) => set.pictures[index]!.path.startsWith('good'))).toBe(true);
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

  it('ends when the pictures go away in the middle of a batch, whatever has been read', async () => {
    const { manifest: set } = await make(9, 0);
    const decode = DecodePool.prototype.run;
    const run = vi.spyOn(DecodePool.prototype, 'run');
    open({ manifest: set, batchSize: 4, allowBad: true, prefetch: 0, cacheBytes: 0 });
    await loader!.batch(0, 0);
    run.mockClear();
    run.mockImplementation(function (this: DecodePool, job) {
      return run.mock.calls.length <= 2 ? decode.call(this, job) : Promise.reject(new PictureError('gone'));
    } as typeof decode);
    await expect(loader!.batch(0, 1)).rejects.toThrow(/None of the training pictures .*gone.*folder is still there/);
    // Every picture was tried once, and the two that were read before once more.
    expect(run.mock.calls).toHaveLength(9 + 2);
    expect(loader!.problems).toHaveLength(9);
  });

  it.each(['moved', 'emptied'])('ends at once when the folder was %s, and blames no picture', async (how) => {
    const { manifest: set, folder } = await make(30, 0);
    open({ manifest: set, batchSize: 5, prefetch: 0, cacheBytes: 0, allowBad: true });
    await loader!.batch(0, 0);
    await rename(folder, `${folder} elsewhere`);
    if (how === 'emptied') await mkdir(folder);
    await expect(loader!.batch(0, 1)).rejects.toThrow(PicturesGoneError);
    expect(loader!.problems).toEqual([]);
    await rm(`${folder} elsewhere`, { recursive: true });
  });

  it('judges by the batches handed out, however far ahead others are made', async () => {
    const { manifest: set } = await make(30, 8);
    const outcomes = new Set<string>();
    for (const prefetch of [0, 1, 9]) {
      open({ manifest: set, batchSize: 4, prefetch, seed: 3 });
      let step = 0;
      const all = (async () => {
        for (; step < 9; step++) await loader!.batch(0, step);
      })();
      const message = await all.then(String, (error: unknown) => String(error));
      outcomes.add(`step ${step}: ${message} ${JSON.stringify(loader!.problems)}`);
      await close();
    }
    expect([...outcomes]).toEqual([expect.stringMatching(/^step [4-8]: .*pictures tried so far cannot be read/)]);
  });

  it('replaces what an earlier session could not read, though it is readable again', async () => {
    const { folder, manifest: set } = await make(28, 2);
    const all = async (options: Partial<BatchLoaderOptions>): Promise<string[]> => {
      open({ manifest: set, batchSize: 5, ...options });
      const digests: string[] = [];
      for (let step = 0; step < 6; step++) digests.push(digest(await loader!.batch(0, step)));
      return digests;
    };
    const before = await all({});
    expect(loader!.problems).toHaveLength(2);
    const isBad = (path: string): boolean => path.startsWith('bad');
    const knownBad = set.pictures.flatMap(({ path }, index) => (isBad(path) ? [index] : []));
    await close();
    const mended = set.pictures.filter(({ path }) => isBad(path));
    for (const { path } of mended) await put(folder, path, await picture(33, 33, 50).png().toBuffer());
    const now = await makeManifest(folder, { seed: 1, heldOut: 0 });
    expect(await all({ manifest: now.manifest, knownBad })).toEqual(before);
    expect(loader!.problems).toEqual([]);
    await close();
    expect(await all({ manifest: now.manifest })).not.toEqual(before);
  });

  it('is not made when more than a tenth is known to be unreadable, unless that is allowed', async () => {
    const { manifest: set } = await make(20, 0);
    open({ manifest: set, knownBad: [0, 1] });
    expect(() => open({ manifest: set, knownBad: [0, 1, 2] })).toThrow(/3 of the 20 .*--allow-bad/);
    const { indices } = await open({ manifest: set, batchSize: 20, knownBad: [0, 1, 2], allowBad: true }).batch(0, 0);
    expect(new Set(indices)).toEqual(new Set(Array.from({ length: 17 }, (_, i) => i + 3)));
  });

  it('does not train on held-out pictures', async () => {
    const { folder } = await make(20, 0);
    const { manifest: set } = await makeManifest(folder, { seed: 1, heldOut: 0.3 });
    const seen = new Set<number>();
    open({ manifest: set, batchSize: 7 });
    for (let step = 0; step < loader!.batchesPerEpoch; step++)
      for (const index of (await loader!.batch(0, step)).indices) seen.add(index);
    expect([...seen].sort((a, b) => a - b)).toEqual([...splitIndices(set, 'train')]);
    expect(seen.size).toBe(14);
  });
});
