import { renameSync } from 'node:fs';
import { readFile, rm, symlink, truncate, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { makeManifest, type Manifest } from '../../../src/engine/data';
import { readSafetensors, writeSafetensors, type StoredTensor } from '../../../src/engine/formats';
import { Gpu, GpuLostError } from '../../../src/engine/gpu';
import { Trainer } from '../../../src/engine/ibot';
import { listCheckpoints, NonFiniteError, readRunFolder, runTraining, type EpochEvent, type RunEvent } from '../../../src/engine/runs';
import { recipeHash } from '../../../src/engine/runs/checkpoint';
import { temporaryFolder } from '../../support/temporary-folder';
import { picture } from '../data/pictures';
import { filesOf, newestCheckpoint, resume, start, stopAfter, tinyManifest, tinyRecipe, type Ran } from './tiny-run';

const options = { batch_size: 4, knn_every: 0 };
const recipe = tinyRecipe(options);
/** Saved after every step. */
const oftenSaved = tinyRecipe({ ...options, checkpoint_minutes: 1e-9 });

let manifest: Manifest;
let whole: Ran;

beforeAll(async () => {
  manifest = await tinyManifest();
  whole = await start({ manifest, recipe });
});

const stoppedAfter = (steps: number): Promise<Ran> => start({ manifest, recipe: oftenSaved, ...stopAfter(steps) });
const checkpoints = (run: string) => listCheckpoints(join(run, 'checkpoints'));
const warnings = (ran: Ran) => ran.events.flatMap((event) => (event.event === 'warning' ? [event] : []));

/** Writes the newest checkpoint anew with something changed, and without checksums, as earlier versions did. */
async function change(
  run: string,
  edit: (tensors: ReadonlyMap<string, StoredTensor>, metadata: Record<string, string>) => void,
): Promise<void> {
  const { path } = (await checkpoints(run))[0]!;
  const { tensors, metadata } = await readSafetensors(path);
  edit(tensors, metadata);
  await writeSafetensors(path, [...tensors].map(([name, tensor]) => ({ name, ...tensor })), metadata);
}

async function changeRecord(run: string, edit: (record: Record<string, Record<string, unknown>>) => void): Promise<void> {
  const file = join(run, 'run.json');
  const record = JSON.parse(await readFile(file, 'utf8')) as Record<string, Record<string, unknown>>;
  edit(record);
  await writeFile(file, JSON.stringify(record));
}

/** Resuming fails with `message`; checkpoints, metrics and lists stay, byte by byte. */
async function expectRefused(run: string, message: RegExp): Promise<void> {
  const before = await filesOf(run);
  await expect(resume(run)).rejects.toThrow(message);
  expect(await filesOf(run)).toEqual(before);
}

describe('after an upgrade of the program', () => {
  test('a run goes on that knows nothing of the newest option, of the newest sum and of checksums', async () => {
    const stopped = await stoppedAfter(6);
    await changeRecord(stopped.folder, ({ recipe }) => delete recipe!.koleo_weight);
    await change(stopped.folder, (_tensors, metadata) => {
      const { koleo, ...sums } = JSON.parse(metadata.epoch_sums!) as Record<string, number>;
      expect(koleo).toBe(0);
      metadata.epoch_sums = JSON.stringify(sums);
    });
    const resumed = await resume(stopped.folder);
    expect(resumed.events.find(({ event }) => event === 'start')).toMatchObject({ fromStep: 7 });
    expect((await newestCheckpoint(stopped.folder)).equals(await newestCheckpoint(whole.folder))).toBe(true);
  });

  test('what counts is what differs from the defaults', () => {
    const { koleo_weight: _newest, ...earlier } = recipe;
    expect(recipeHash(earlier as typeof recipe)).toBe(recipeHash(recipe));
    expect(recipeHash({ ...recipe, koleo_weight: 0.1 })).not.toBe(recipeHash(recipe));
    expect(recipeHash({ ...recipe, workers: 3, knn_every: 5 })).toBe(recipeHash(recipe));
  });

  test('it says that the bits may differ', async () => {
    const stopped = await start({ manifest, recipe: oftenSaved, version: '0.1.0', ...stopAfter(1) });
    const message = expect.stringMatching(/version 0\.1\.0 .* goes on with version 0\.2\.0 .* perhaps not bit for bit/) as string;
    const resumed = await resume(stopped.folder, { version: '0.2.0', ...stopAfter(3) });
    expect(warnings(resumed)).toMatchObject([{ code: 'other-program', message }]);
    expect(warnings(await resume(stopped.folder, { version: '0.2.0' }))).toEqual([]);
  });
});

describe('without a checkpoint to go on from a run does not begin anew', () => {
  test('when all are damaged', async () => {
    const { folder } = await stoppedAfter(3);
    for (const { path } of await checkpoints(folder)) await truncate(path, 200);
    await expectRefused(folder, /no checkpoint to go on from in .*checkpoints \(.*not a whole/);
  });

  test('when they are gone, or only set aside', async () => {
    const { folder } = await stoppedAfter(3);
    const [last, ...others] = await checkpoints(folder);
    for (const { path } of others) await unlink(path);
    const bytes = await readFile(last!.path);
    await unlink(last!.path);
    await expectRefused(folder, /no checkpoint to go on from in .*checkpoints \(it holds none/);
    await writeFile(`${last!.path}.refused`, bytes);
    await changeRecord(folder, (record) => Object.assign(record, { step: 0 }));
    await expectRefused(folder, /no checkpoint to go on from/);
    await writeFile(last!.path, bytes);
    expect((await resume(folder)).done.state).toBe('finished');
  });

  test('when the newest belongs to another run, or cannot be opened: the older one is not taken in its place', async () => {
    const { folder } = await stoppedAfter(3);
    const other = await start({ manifest, recipe: tinyRecipe({ epochs: 1, out_dim: 32, knn_every: 0 }) });
    const { path } = (await checkpoints(folder))[0]!;
    await writeFile(path, await newestCheckpoint(other.folder));
    await expectRefused(folder, /with other options/);
    await unlink(path);
    await symlink('nowhere', path);
    await expectRefused(folder, /no such file/);
  });

  test('but one that ended before its first checkpoint does', async () => {
    const folder = join(temporaryFolder(), 'run');
    let calls = 0;
    // Room at the start, none for the first checkpoint, which comes after the last step.
    const freeBytes = (): Promise<number> => Promise.resolve(++calls === 1 ? 1e12 : 0);
    await expect(start({ manifest, recipe, folder, freeBytes })).rejects.toThrow(/free some space/);
    expect(await checkpoints(folder)).toEqual([]);
    expect((await resume(folder)).done.state).toBe('finished');
    expect((await newestCheckpoint(folder)).equals(await newestCheckpoint(whole.folder))).toBe(true);
  });
});

describe('a weight that is not a number', () => {
  async function broken(): Promise<string> {
    const { folder } = await stoppedAfter(5);
    await change(folder, (tensors) => {
      (tensors.get('student.backbone.blocks.1.mlp.fc1.weight')!.data as Float32Array)[7] = NaN;
    });
    return folder;
  }

  const diagnosisOf = async (folder: string): Promise<unknown> => JSON.parse(await readFile(join(folder, 'diagnosis.json'), 'utf8'));

  test('ends the run where it is met, named, and leaves the checkpoint as it is', async () => {
    const folder = await broken();
    const checkpoint = await newestCheckpoint(folder);
    const error: unknown = await resume(folder).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NonFiniteError);
    const { step, tensor, message } = error as NonFiniteError;
    expect({ step, tensor }).toMatchObject({ step: 6, tensor: { tensor: 'backbone.blocks.1.mlp.fc1.weight' } });
    expect(message).toMatch(/First met in backbone\.blocks\.1\.mlp\.fc1\.weight, in .*step 6 is intact/);
    expect(await diagnosisOf(folder)).toMatchObject({ step: 6, firstTensor: { ...tensor, value: 'NaN' }, pictures: { length: 4 } });
    expect((await newestCheckpoint(folder)).equals(checkpoint)).toBe(true);
  });

  test('is told without its place where that cannot be found', async () => {
    const folder = await broken();
    const search = vi.spyOn(Trainer.prototype, 'firstNonFinite').mockRejectedValue(new Error('the device is ill'));
    try {
      await expect(resume(folder)).rejects.toThrow(NonFiniteError);
    } finally {
      search.mockRestore();
    }
    expect(await diagnosisOf(folder)).toMatchObject({ step: 6, firstTensor: null, pictures: { length: 4 } });
  });
});

test('a copied folder, with new times and the same content, gives one warning and the same bits', async () => {
  const { folder } = await stoppedAfter(5);
  const later = new Date(Date.now() + 5000);
  for (const { path } of manifest.pictures) await utimes(join(manifest.root, path), later, later);
  try {
    const resumed = await resume(folder);
    const message = expect.stringMatching(/^24 pictures have files with another time .* the same size .* not bit for bit/) as string;
    expect(warnings(resumed)).toMatchObject([{ code: 'touched-pictures', message, step: 6 }]);
    expect((await newestCheckpoint(folder)).equals(await newestCheckpoint(whole.folder))).toBe(true);
  } finally {
    for (const { path, modified } of manifest.pictures) await utimes(join(manifest.root, path), modified / 1000, modified / 1000);
  }
});

test.each([0, 2])('a device that is lost, %i ms after a checkpoint, ends the run with that; it goes on from there', async (wait) => {
  const gpu = await Gpu.open();
  const folder = join(temporaryFolder(), 'run');
  const running = runTraining({
    ...{ manifest, folder, gpu, decodeThreads: 0 },
    recipe: tinyRecipe({ ...options, checkpoint_every: 1 }),
    onEvent: (event) => {
      if (event.event === 'checkpoint' && event.step === 4) setTimeout(() => gpu.device.destroy(), wait);
    },
  });
  await expect(running).rejects.toBeInstanceOf(GpuLostError);
  expect(await readRunFolder(folder)).toMatchObject({ state: 'failed', reason: expect.stringContaining('lost') as string });
  const resumed = await resume(folder);
  expect(resumed.events.find(({ event }) => event === 'start')).toMatchObject({ fromStep: 4 });
  expect((await newestCheckpoint(folder)).equals(await newestCheckpoint(whole.folder))).toBe(true);
});

test.each([0, 1])('a folder that is moved in the middle ends the run saved, and it goes on to the same bits (knn_every %i)', async (knn_every) => {
  const recipe = tinyRecipe({ ...options, knn_every });
  const folder = join(temporaryFolder(), 'run');
  const elsewhere = `${manifest.root} elsewhere`;
  const move = (event: RunEvent): void => {
    // In the first epoch, before all pictures are in memory; or when all of them are, and only measuring may miss them.
    if (event.event === 'step' && event.step === (knn_every ? 5 : 1)) renameSync(manifest.root, elsewhere);
  };
  await expect(start({ manifest, recipe, folder, onEvent: move })).rejects.toThrow(`not at ${manifest.root} any more: put them back`);
  const { step, state, reason } = await readRunFolder(folder);
  expect({ state, reason }).toEqual({ state: 'failed', reason: expect.stringContaining('put them back') as string });
  expect(step).toBeGreaterThan(0);
  expect((await checkpoints(folder))[0]!.step).toBe(step);
  renameSync(elsewhere, manifest.root);
  await resume(folder);
  const whole = await start({ manifest, recipe });
  expect((await newestCheckpoint(folder)).equals(await newestCheckpoint(whole.folder))).toBe(true);
  expect(await readFile(join(folder, 'bad-pictures.txt'), 'utf8')).toBe('');
});

describe('pictures that cannot be read', () => {
  let pictures: Manifest;

  beforeAll(async () => {
    const root = temporaryFolder();
    for (let i = 0; i < 24; i++) await writeFile(join(root, `${i}.png`), await picture(40, 40, i).png().toBuffer());
    ({ manifest: pictures } = await makeManifest(root, { seed: 0, heldOut: 0 }));
  });

  const file = (name: string): string => join(pictures.root, name);
  const put = (name: string, bytes: Buffer | string): Promise<void> => writeFile(file(name), bytes);
  const listed = async (run: string): Promise<unknown[]> =>
    (await readFile(join(run, 'bad-pictures.txt'), 'utf8')).split('\n').flatMap((line) => (line ? [JSON.parse(line)] : []));

  test('at one time stay left out when the run goes on, as if it had never stopped', async () => {
    const whole = await readFile(file('3.png'));
    await put('3.png', 'no picture');
    const uninterrupted = await start({ manifest: pictures, recipe });
    // After an epoch all were met.
    const stopped = await start({ manifest: pictures, recipe: oftenSaved, ...stopAfter(7) });
    await put('3.png', whole);
    const resumed = await resume(stopped.folder);
    expect(resumed.done.step).toBe(18);
    expect((await newestCheckpoint(stopped.folder)).equals(await newestCheckpoint(uninterrupted.folder))).toBe(true);
    expect(await listed(stopped.folder)).toMatchObject([{ path: '3.png', step: expect.any(Number) as number }]);
  });

  test('are listed where they are held out, too, and nothing is measured with them', async () => {
    const set = await tinyManifest();
    const { path } = set.pictures.find(({ split }) => split === 'held-out')!;
    await writeFile(join(set.root, path), 'no picture');
    const ran = await start({ manifest: set, recipe: tinyRecipe({ epochs: 1, knn_every: 1 }) });
    expect(await listed(ran.folder)).toMatchObject([{ path, reason: 'not a picture' }]);
    expect(warnings(ran)).toMatchObject([{ code: 'bad-pictures', message: expect.stringMatching(/^1 more picture .* passed over/) as string }]);
    const epoch = ran.events.find(({ event }) => event === 'epoch') as EpochEvent;
    expect(epoch.evaluation?.teacher.knn?.k10).toBeGreaterThanOrEqual(0);
  });

  test('after the last checkpoint are tried again', async () => {
    const { folder } = await start({ manifest: pictures, recipe: oftenSaved, ...stopAfter(2) });
    // What a disk leaves that was not there for a while.
    const lines = pictures.pictures.map(({ path }) => JSON.stringify({ path, reason: 'gone', step: null }));
    await writeFile(join(folder, 'bad-pictures.txt'), `${lines.join('\n')}\n`);
    expect((await resume(folder)).done.state).toBe('finished');
    expect(await listed(folder)).toEqual([]);
  });

  test('are all listed when the run ends for them', async () => {
    const { folder } = await start({ manifest: pictures, recipe: oftenSaved, ...stopAfter(2) });
    // The folder itself is there, and not as empty as where a disk is gone.
    await put('notes.txt', 'the rest went to the archive');
    for (const { path } of pictures.pictures) await rm(file(path));
    await expect(resume(folder)).rejects.toThrow(/cannot be read/);
    expect(await listed(folder)).toContainEqual({ path: '3.png', reason: 'gone', step: null });
  });
});
