import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeManifest } from '../../../src/engine/data';
import { listCheckpoints, readRunFolder } from '../../../src/engine/runs';
import { CheckpointStore, checkpointName } from '../../../src/engine/runs/checkpoint-store';
import { addToKernelCache, readKernelCache } from '../../../src/engine/runs/kernel-cache';
import { lockRun } from '../../../src/engine/runs/lock';
import { temporaryFolder } from '../../support/temporary-folder';
import { picture, put } from '../data/pictures';
import { resume, start, stopAfter, tinyManifest, tinyRecipe } from './tiny-run';

describe('the lock of a run folder', () => {
  const holder = { pid: process.pid, host: hostname(), processStart: null, since: '2024' };

  test('is held by one, and free after its release', async () => {
    const folder = temporaryFolder();
    const first = await lockRun(folder);
    await expect(lockRun(folder)).rejects.toThrow(`Process ${process.pid} is working in ${folder}`);
    await first.release();
    await (await lockRun(folder)).release();
  });

  test.each([
    ['a process that ended', { ...holder, pid: Number(execFileSync('sh', ['-c', 'echo $$']).toString()) }],
    ['a process whose number another one has now', { ...holder, processStart: 'another boot 17' }],
    ['nobody', 'not a lock'],
  ])('left by %s, it is taken over', async (_who, left) => {
    const folder = temporaryFolder();
    await writeFile(join(folder, 'lock'), JSON.stringify(left));
    const lock = await lockRun(folder);
    expect(JSON.parse(await readFile(join(folder, 'lock'), 'utf8'))).toMatchObject({ pid: process.pid });
    await lock.release();
  });

  test('held on another machine it is respected, with what to do', async () => {
    const folder = temporaryFolder();
    await writeFile(join(folder, 'lock'), JSON.stringify({ ...holder, host: 'elsewhere' }));
    await expect(lockRun(folder)).rejects.toThrow(/on elsewhere .* remove the file lock/);
  });
});

describe('which checkpoints stay', () => {
  test('the latest, and those at every so many epochs for good', async () => {
    const folder = temporaryFolder();
    for (const step of [5, 10, 15, 20, 25, 30, 33]) await writeFile(join(folder, checkpointName(step)), '');
    // Epochs of 5 steps, each second one for good: steps 10, 20, 30.
    const store = new CheckpointStore(folder, { keep: 2, keepEvery: 2, stepsPerEpoch: 5 });
    await store.prune();
    expect((await listCheckpoints(folder)).map(({ step }) => step)).toEqual([33, 30, 20, 10]);
    const none = new CheckpointStore(folder, { keep: 1, keepEvery: 0, stepsPerEpoch: 5 });
    await none.prune();
    expect((await listCheckpoints(folder)).map(({ step }) => step)).toEqual([33]);
  });
});

describe('kernel choices', () => {
  const device = { name: 'a', vendor: 'b', architecture: 'c', description: 'd', software: false, subgroupSize: 0 };

  test('are kept per device, and the first measured stay', async () => {
    const folder = join(temporaryFolder(), 'cache');
    expect(await readKernelCache(folder, device)).toEqual(new Map());
    await addToKernelCache(folder, device, new Map([['product/1,2,3', 'tile']]));
    const later = new Map([
      ['product/1,2,3', 'lanes'],
      ['product/4,5,6', 'tile'],
    ]);
    await addToKernelCache(folder, device, later);
    expect(await readKernelCache(folder, device)).toEqual(
      new Map([
        ['product/1,2,3', 'tile'],
        ['product/4,5,6', 'tile'],
      ]),
    );
    expect(await readKernelCache(folder, { ...device, description: 'a later driver' })).toEqual(new Map());
  });
});

describe('what a run meets', () => {
  test('another device is said, and it goes on', async () => {
    const manifest = await tinyManifest();
    const stopped = await start({ manifest, recipe: tinyRecipe({ knn_every: 0, checkpoint_minutes: 1e-9 }), ...stopAfter(2) });
    const file = join(stopped.folder, 'run.json');
    const record = JSON.parse(await readFile(file, 'utf8')) as { device: { name: string } };
    record.device.name = 'another card';
    await writeFile(file, JSON.stringify(record));
    const resumed = await resume(stopped.folder);
    const message = expect.stringContaining('not bit for bit');
    expect(resumed.events[0]).toMatchObject({ event: 'warning', code: 'other-device', message });
    expect(resumed.done.state).toBe('finished');
    expect((await readRunFolder(stopped.folder)).device.name).not.toBe('another card');
  });

  test('micro-batches are taken up in the middle of an epoch, too', async () => {
    const manifest = await tinyManifest();
    const options = { knn_every: 0, batch_size: 4, accumulate: 2 };
    const whole = await start({ manifest, recipe: tinyRecipe(options) });
    const stopped = await start({ manifest, recipe: tinyRecipe({ ...options, checkpoint_minutes: 1e-9 }), ...stopAfter(5) });
    expect(stopped.done.step).toBe(6);
    await resume(stopped.folder);
    const newest = async (run: string): Promise<Buffer> => readFile((await listCheckpoints(join(run, 'checkpoints')))[0]!.path);
    expect((await newest(stopped.folder)).equals(await newest(whole.folder))).toBe(true);
  });

  test('a changed list of pictures, or a folder that is gone, is refused', async () => {
    const manifest = await tinyManifest();
    const { folder } = await start({ manifest, recipe: tinyRecipe({ knn_every: 0, epochs: 1 }) });
    const file = join(folder, 'manifest.jsonl');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('"split":"train"', '"split":"held-out"'));
    await expect(resume(folder)).rejects.toThrow(/was changed since the run began/);
    await writeFile(file, text);
    await rename(manifest.root, join(temporaryFolder(), 'elsewhere'));
    await expect(resume(folder)).rejects.toThrow(/are not at .* any more/);
  });

  test('unreadable pictures are replaced and listed with the reason; too many end the run, unless allowed', async () => {
    const root = temporaryFolder();
    for (let i = 0; i < 24; i++) await put(root, `${i}.png`, await picture(40, 40, i).png().toBuffer());
    await mkdir(join(root, 'bad'));
    for (let i = 0; i < 6; i++) await put(root, `bad/${i}.png`, 'no picture');
    const { manifest, problems } = await makeManifest(root, { seed: 0, heldOut: 0 });
    const recipe = tinyRecipe({ knn_every: 0 });
    const folder = join(temporaryFolder(), 'run');
    await expect(start({ manifest, problems, recipe, folder, panels: true })).rejects.toThrow(/cannot be read/);
    expect(await readFile(join(folder, 'bad-pictures.txt'), 'utf8')).toContain('"path":"bad/');
    // Nothing else, so the same folder can be taken again.
    expect(await readdir(folder)).toEqual(['bad-pictures.txt']);

    const allowed = await start({ manifest, problems, recipe, folder, allowBad: true });
    expect(allowed.done.state).toBe('finished');
    const lines = (await readFile(join(allowed.folder, 'bad-pictures.txt'), 'utf8')).trim().split('\n');
    const listed = lines.map((line) => (JSON.parse(line) as { path: string }).path);
    expect(listed.sort()).toEqual([0, 1, 2, 3, 4, 5].map((i) => `bad/${i}.png`));
    expect(allowed.events.some((event) => event.event === 'warning' && event.code === 'bad-pictures')).toBe(true);
  });

  test('a run that cannot begin leaves no folder that was not there before', async () => {
    const manifest = await tinyManifest();
    const above = temporaryFolder();
    const folder = join(above, 'deep', 'run');
    const failing = { manifest, recipe: tinyRecipe(), freeBytes: () => Promise.resolve(0) };
    await expect(start({ ...failing, folder })).rejects.toThrow(/disk/);
    expect(await readdir(above)).toEqual([]);
    const short = tinyRecipe({ epochs: 0.1, warmup_epochs: 0, warmup_teacher_temp_epochs: 0 });
    await expect(start({ manifest, recipe: short, folder })).rejects.toThrow('0.1 epochs of 2 steps are not one step: raise epochs.');
    expect(await readdir(above)).toEqual([]);
    await mkdir(folder, { recursive: true });
    await expect(start({ ...failing, folder })).rejects.toThrow(/disk/);
    expect(await readdir(folder)).toEqual([]);
  });
});
