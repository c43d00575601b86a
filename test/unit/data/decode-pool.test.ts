import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { afterEach, describe, expect, it } from 'vitest';
import { DecodePool, PictureError, type DecodePoolOptions } from '../../../src/engine/data';
import { sampleFile } from '../../../src/engine/data/sample';
import { decodeWorkerEntry } from '../../support/decode-worker';
import { temporaryFolder } from '../../support/temporary-folder';
import { picture, put } from './pictures';

let pool: DecodePool | undefined;
const open = (options: DecodePoolOptions): DecodePool => (pool = new DecodePool(options));
afterEach(() => pool?.close());

const thumbnail = (path: string) => ({ kind: 'thumbnail', path, size: 1 }) as const;

/** A worker that ends at 'crash', misbehaves at 'defect', and otherwise answers with its job's size. */
async function strangeWorker(): Promise<URL> {
  const source = `
    import { parentPort } from 'node:worker_threads';
    parentPort.on('message', ({ id, job }) => {
      if (job.path === 'crash') process.exit(1);
      if (job.path === 'throw') throw new Error('boom');
      if (job.path === 'defect') parentPort.postMessage({ kind: 'defect', id, stack: 'Error: wrong' });
      else parentPort.postMessage({ kind: 'done', id, result: Uint8Array.of(job.size) });
    });
    parentPort.postMessage({ kind: 'ready' });`;
  return pathToFileURL(await put(temporaryFolder(), 'worker.mjs', source));
}

describe('DecodePool', () => {
  it('gives the same with any number of threads', async () => {
    const root = temporaryFolder();
    const files = await Promise.all(
      Array.from({ length: 7 }, async (_, i) =>
        put(
          root,
          `${i}.png`,
          await picture(20 + i, 30, i)
            .png()
            .toBuffer(),
        ),
      ),
    );
    const all: string[] = [];
    for (const workers of [0, 1, 3]) {
      open({ workers, workerEntry: await decodeWorkerEntry() });
      const results = await Promise.all(files.map((path) => pool!.run({ kind: 'evaluation', path, size: 14 })));
      all.push(JSON.stringify(results.map((result) => [...result])));
      await pool!.close();
    }
    expect(new Set(all).size).toBe(1);
    expect(all[0]!.length).toBeGreaterThan(7 * 14 * 14 * 3);
  });

  it('draws sample pictures in its threads, the same ones', async () => {
    open({ workers: 1, workerEntry: await decodeWorkerEntry() });
    const key = { seed: 7, classIndex: 3, pictureIndex: 1 };
    expect(await pool!.run({ kind: 'sample', key, size: 40 })).toEqual(await sampleFile(key, 40));
  });

  it.each([0, 1])('rejects with the reason of an unreadable picture (%i threads)', async (workers) => {
    open({ workers, workerEntry: await decodeWorkerEntry() });
    const failure = pool!.run(thumbnail(join(temporaryFolder(), 'none.png')));
    await expect(failure).rejects.toThrow(PictureError);
    await expect(failure).rejects.toMatchObject({ reason: 'gone' });
  });

  it('survives threads that end, after one more try', async () => {
    open({ workers: 2, workerEntry: await strangeWorker() });
    const jobs = ['a', 'crash', 'b', 'throw', 'c', 'defect', 'd'].map((path, size) => pool!.run({ ...thumbnail(path), size }));
    const outcomes = await Promise.allSettled(jobs);
    const texts = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? String(outcome.value) : String(outcome.reason)));
    expect(texts).toEqual([
      '0',
      'PictureError: the decoder stopped while reading it',
      '2',
      'PictureError: the decoder stopped while reading it',
      '4',
      'Error: Error: wrong',
      '6',
    ]);
  });

  it('decodes large pictures one at a time, beside small ones', async () => {
    const source = `
      import { parentPort } from 'node:worker_threads';
      parentPort.on('message', ({ id, job, isAlone }) => {
        if (job.path === 'large' && !isAlone) return parentPort.postMessage({ kind: 'large', id });
        const start = Date.now();
        const end = () => parentPort.postMessage({ kind: 'done', id, result: new Float64Array([start, Date.now()]) });
        setTimeout(end, 40);
      });
      parentPort.postMessage({ kind: 'ready' });`;
    const workerEntry = pathToFileURL(await put(temporaryFolder(), 'worker.mjs', source));
    open({ workers: 3, workerEntry });
    const run = async (path: string): Promise<[number, number]> =>
      [...(await pool!.run(thumbnail(path)))] as [number, number];
    const [large, small] = await Promise.all([
      Promise.all(['large', 'large', 'large', 'large'].map(run)),
      Promise.all(Array.from({ length: 8 }, () => run('small'))),
    ]);
    large.sort(([a], [b]) => a - b);
    for (let i = 1; i < large.length; i++) expect(large[i]![0]).toBeGreaterThanOrEqual(large[i - 1]![1]);
    const overlap = small.some(([start, end]) => large.some(([from, to]) => start < to && from < end));
    expect(overlap).toBe(true);
  });

  it.each([0, 2])('decodes large pictures in turn (%i threads)', async (workers) => {
    const root = temporaryFolder();
    const image = sharp({ create: { width: 4100, height: 4000, channels: 3, background: '#123456' } });
    const file = await put(root, 'large.png', await image.png({ compressionLevel: 1 }).toBuffer());
    open({ workers, workerEntry: await decodeWorkerEntry() });
    const jobs = [file, join(root, 'none.png'), file].map((path) => pool!.run(thumbnail(path)));
    const [first, none, last] = await Promise.allSettled(jobs);
    expect(first).toMatchObject({ status: 'fulfilled', value: Uint8Array.of(0x12, 0x34, 0x56) });
    expect(none).toMatchObject({ status: 'rejected', reason: { reason: 'gone' } });
    expect(last).toEqual(first);
  });

  it('passes on why a thread cannot start', async () => {
    const entry = pathToFileURL(await put(temporaryFolder(), 'worker.mjs', 'throw new Error("no such library");'));
    await expect(open({ workers: 1, workerEntry: entry }).run(thumbnail('a'))).rejects.toThrow('no such library');
  });

  it('rejects what is under way when it is closed', async () => {
    open({ workers: 1, workerEntry: await strangeWorker() });
    const jobs = [pool!.run(thumbnail('a')), pool!.run(thumbnail('b'))];
    const outcomes = Promise.allSettled(jobs);
    await pool!.close();
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(pool!.run(thumbnail('a'))).rejects.toThrow(/closed/);
  });
});
