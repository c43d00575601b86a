import { describe, expect, test } from 'vitest';
import { featureBatches, type FeatureBatch } from '../../../src/engine/evaluate';

/** Takes pictures of one byte, whose feature is twice its value. */
class Doubling {
  readonly batch = 3;
  readonly calls: number[][] = [];

  extract(pictures: readonly Uint8Array[]): Promise<{ cls: Float32Array }> {
    this.calls.push(pictures.map(([value]) => value!));
    return Promise.resolve({ cls: Float32Array.from(pictures, ([value]) => 2 * value!) });
  }
}

const indices = [5, 1, 9, 2, 7, 3, 4, 8];
const read = (index: number): Promise<Uint8Array | undefined> => Promise.resolve(Uint8Array.of(index));

async function all(batches: AsyncIterable<FeatureBatch>): Promise<[number[], number[]][]> {
  const found: [number[], number[]][] = [];
  for await (const batch of batches) found.push([batch.indices, [...batch.cls]]);
  return found;
}

describe('features of many pictures', () => {
  test('come in order and in batches, without those that cannot be read', async () => {
    const seen: [number, number][] = [];
    const lacking = (index: number): Promise<Uint8Array | undefined> => (index % 3 === 1 ? Promise.resolve(undefined) : read(index));
    const batches = featureBatches(new Doubling(), indices, lacking, (done, total) => seen.push([done, total]));
    expect(await all(batches)).toEqual([
      [[5, 9], [10, 18]],
      [[2, 3], [4, 6]],
      [[8], [16]],
    ]);
    expect(seen).toEqual([[3, 8], [6, 8], [8, 8]]);
    expect(await all(featureBatches(new Doubling(), [1, 4], lacking))).toEqual([]);
    expect(await all(featureBatches(new Doubling(), [], read))).toEqual([]);
  });

  test('are computed while the next batch is read', async () => {
    const begun: number[] = [];
    const extractor = new Doubling();
    const batches = featureBatches(extractor, indices, (index) => {
      begun.push(index);
      return read(index);
    });
    await batches.next();
    expect(extractor.calls).toEqual([[5, 1, 9]]);
    expect(begun).toEqual([5, 1, 9, 2, 7, 3]);
    await batches.return();
  });

  test('end with a signal, and with the error of whoever reads, when its batch is due', async () => {
    const controller = new AbortController();
    const stopped = featureBatches(new Doubling(), indices, read, () => controller.abort(), controller.signal);
    await expect(all(stopped)).rejects.toThrow(/abort/);
    const failing = featureBatches(new Doubling(), indices, (index) =>
      index === 7 ? Promise.reject(new Error('no such disk')) : read(index),
    );
    expect((await failing.next()).value).toMatchObject({ indices: [5, 1, 9] });
    await expect(failing.next()).rejects.toThrow('no such disk');
  });
});
