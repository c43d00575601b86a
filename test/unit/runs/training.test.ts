import { open, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Manifest } from '../../../src/engine/data';
import { readEvents, readJsonLines, readSafetensors } from '../../../src/engine/formats';
import { headlineKnn, listCheckpoints, readRunFolder, RunFolder, type EpochEvent, type RunEvent } from '../../../src/engine/runs';
import { temporaryFolder } from '../../support/temporary-folder';
import { resume, start, stopAfter, tinyManifest, tinyRecipe, type Ran } from './tiny-run';

const of = <Name extends RunEvent['event']>(ran: Ran, name: Name): Extract<RunEvent, { event: Name }>[] =>
  ran.events.filter((event): event is Extract<RunEvent, { event: Name }> => event.event === name);

const checkpoints = (run: string) => listCheckpoints(join(run, 'checkpoints'));

const newest = async (folder: string): Promise<Buffer> => readFile((await checkpoints(folder))[0]!.path);

async function metricLines(folder: string): Promise<Record<string, unknown>[]> {
  const lines: Record<string, unknown>[] = [];
  for await (const line of readJsonLines(join(folder, 'metrics.jsonl'))) lines.push(line as Record<string, unknown>);
  return lines;
}

/** What does not depend on time. */
const lasting = (lines: readonly Record<string, unknown>[]): unknown[] =>
  lines.map((line) => {
    const { evaluation, ...rest } = line;
    for (const name of ['time', 'seconds', 'picturesPerSecond', 'secondsLeft', 'elapsed', 'waited']) delete rest[name];
    return { ...rest, teacher: (evaluation as EpochEvent['evaluation'] | undefined)?.teacher };
  });

const ALL_STEPS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

let manifest: Manifest;
let whole: Ran;

// knn_every 2 is an interval that somebody asked for, so that it does not depend on time whether is measured.
const options = { batch_size: 4, epochs: 3, knn_every: 2, checkpoint_every: 1 };
const recipe = tinyRecipe(options);
/** Saved after every step, which also brings its report at once: a run can be stopped at any step. */
const oftenSaved = tinyRecipe({ ...options, checkpoint_minutes: 1e-9 });

beforeAll(async () => {
  manifest = await tinyManifest();
  whole = await start({ manifest, recipe });
});

describe('a run', () => {
  test('goes through all steps and reports each once, in order', () => {
    expect(whole.done).toMatchObject({ state: 'finished', step: 12, steps: 12, reason: null });
    expect(of(whole, 'step').map(({ step }) => step)).toEqual(ALL_STEPS);
    expect(of(whole, 'step').map(({ epoch }) => epoch)).toEqual([1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
    for (const { loss, gradientNorm } of of(whole, 'step')) {
      expect(loss).toBeGreaterThan(0);
      expect(gradientNorm).toBeGreaterThan(0);
    }
    const pictures = { trainingPictures: 19, heldOutPictures: 5, classes: 2 };
    expect(of(whole, 'start')[0]).toMatchObject({ ...pictures, stepsPerEpoch: 4, steps: 12 });
  });

  test('measures the untrained network, raw pixels, and the teacher as often as asked', () => {
    expect(of(whole, 'baselines')).toHaveLength(1);
    const [{ untrained, pixels }] = of(whole, 'baselines') as [Extract<RunEvent, { event: 'baselines' }>];
    expect(untrained.knn?.k10).toBeGreaterThanOrEqual(0);
    expect(untrained.knn?.k20).toBeNull();
    expect(untrained.rank).toBeGreaterThan(1);
    expect(untrained.retrieval).not.toBeNull();
    expect(pixels?.k10).not.toBeNull();
    const epochs = of(whole, 'epoch');
    expect(epochs.map(({ epoch, evaluation }) => [epoch, evaluation !== null])).toEqual([
      [1, false],
      [2, true],
      [3, true],
    ]);
    for (const { accuracy, nmi, ari, fscore } of epochs) {
      expect(accuracy).toBeGreaterThanOrEqual(0);
      expect(nmi).not.toBeNull();
      expect(ari).not.toBeNull();
      expect(fscore).not.toBeNull();
    }
    expect(whole.done.knn).toBe(headlineKnn(epochs[2]!.evaluation!.teacher.knn));
  });

  test('leaves a folder that other programs can read', async () => {
    expect((await readdir(whole.folder)).sort()).toEqual([
      'bad-pictures.txt',
      'baselines.json',
      'checkpoints',
      'events.out.tfevents.0.ibot',
      'log.txt',
      'manifest.jsonl',
      'metrics.jsonl',
      'run.json',
    ]);
    const record = await readRunFolder(whole.folder);
    expect(record).toMatchObject({ state: 'finished', step: 12, recipe: { ...recipe } });
    expect(record.sizes).toMatchObject({ steps: 12, stepsPerEpoch: 4 });
    const lines = await metricLines(whole.folder);
    expect(lines.filter(({ event }) => event === 'step')).toHaveLength(12);
    expect(lines.filter(({ event }) => event === 'epoch')).toHaveLength(3);
    const scalars = await readEvents(join(whole.folder, 'events.out.tfevents.0.ibot'));
    const losses = scalars.filter((event) => 'train/loss' in event.scalars);
    expect(losses.map(({ step }) => step)).toEqual(ALL_STEPS);
    expect(losses[4]!.scalars['train/loss']).toBeCloseTo(of(whole, 'step')[4]!.loss, 4);
    expect(await readFile(join(whole.folder, 'log.txt'), 'utf8')).toContain('Finished after step 12 of 12');
  });

  test('keeps the latest checkpoints; they hold finite weights under the official names', async () => {
    expect((await checkpoints(whole.folder)).map(({ step }) => step)).toEqual([12, 8]);
    const { tensors } = await readSafetensors((await checkpoints(whole.folder))[0]!.path);
    const weight = tensors.get('teacher.backbone.blocks.1.attn.qkv.weight')!;
    expect(weight.shape).toEqual([48, 16]);
    expect([...(weight.data as Float32Array)].every(Number.isFinite)).toBe(true);
    expect(tensors.get('student.backbone.cls_token')!.data).not.toEqual(tensors.get('teacher.backbone.cls_token')!.data);
    // Adam's step count of each parameter.
    expect([...tensors.keys()].filter((name) => name.startsWith('moment2.')).length).toBe(
      [...tensors.keys()].filter((name) => name.startsWith('student.')).length,
    );
  });

  test('with the same seed it has the same bits; measuring changes nothing; with another seed it has others', async () => {
    const unmeasured = await start({ manifest, recipe: tinyRecipe({ ...options, knn_every: 0 }) });
    expect(of(unmeasured, 'baselines')).toHaveLength(0);
    expect((await newest(unmeasured.folder)).equals(await newest(whole.folder))).toBe(true);
    const other = await start({ manifest, recipe: tinyRecipe({ ...options, knn_every: 0, seed: 1 }) });
    expect((await newest(other.folder)).equals(await newest(whole.folder))).toBe(false);
  });

  test('without an epoch asked for it is saved at the end, and at epochs whose checkpoint stays for good', async () => {
    const seldom = { ...options, checkpoint_every: 0, knn_every: 0 };
    const once = await start({ manifest, recipe: tinyRecipe(seldom) });
    expect(of(once, 'checkpoint').map(({ step }) => step)).toEqual([12]);
    const kept = await start({ manifest, recipe: tinyRecipe({ ...seldom, keep_every: 2 }) });
    expect(of(kept, 'checkpoint').map(({ step }) => step)).toEqual([8, 12]);
  });

  test('a batch larger than the set is lowered, and said', async () => {
    const ran = await start({ manifest, recipe: tinyRecipe({ batch_size: 64, accumulate: 2, epochs: 1, knn_every: 0 }) });
    expect(of(ran, 'warning')[0]).toMatchObject({ code: 'batch-lowered', message: expect.stringContaining('from 64 to 18') });
    expect(ran.done).toMatchObject({ state: 'finished', steps: 1 });
  });
});

describe('stopping and going on', () => {
  // After step 3 an epoch's end is left to do, after step 11 the run's; the others are in the middle of an epoch.
  test.each([0, 1, 3, 6, 10, 11])('asked to stop after step %i, it ends with the same bits and metrics', async (steps) => {
    const stopped = await start({ manifest, recipe: oftenSaved, ...stopAfter(steps) });
    expect(stopped.done).toMatchObject({ state: 'stopped', step: steps === 0 ? 0 : steps + 1 });
    expect((await readRunFolder(stopped.folder)).state).toBe('stopped');
    // Before the first step there is nothing to save.
    expect((await checkpoints(stopped.folder))[0]?.step).toBe(steps === 0 ? undefined : stopped.done.step);

    const resumed = await resume(stopped.folder);
    expect(resumed.done).toMatchObject({ state: 'finished', step: 12 });
    expect(of(resumed, 'start')[0]!.fromStep).toBe(stopped.done.step);
    expect((await newest(stopped.folder)).equals(await newest(whole.folder))).toBe(true);
    expect(lasting(await metricLines(stopped.folder))).toEqual(lasting(await metricLines(whole.folder)));
    expect(resumed.done.knn).toBe(whole.done.knn);
  });

  test('a run that is through says so and changes nothing', async () => {
    const before = await newest(whole.folder);
    const again = await resume(whole.folder);
    expect(again.done).toMatchObject({ state: 'finished', step: 12, knn: whole.done.knn });
    expect(of(again, 'step')).toHaveLength(0);
    expect((await newest(whole.folder)).equals(before)).toBe(true);
  });

  test('metrics of steps after the checkpoint are dropped and written anew', async () => {
    const stopped = await start({ manifest, recipe: oftenSaved, ...stopAfter(5) });
    const file = await open(join(stopped.folder, 'metrics.jsonl'), 'a');
    await file.write('{"event":"step","step":9,"loss":1}\n{"event":"st');
    await file.close();
    await resume(stopped.folder);
    expect(lasting(await metricLines(stopped.folder))).toEqual(lasting(await metricLines(whole.folder)));
    const events = await readEvents(join(stopped.folder, 'events.out.tfevents.0.ibot'));
    expect(events.filter(({ scalars }) => 'train/loss' in scalars).map(({ step }) => step)).toEqual(ALL_STEPS);
  });

  test('a cut checkpoint is refused and the one before it taken', async () => {
    const stopped = await start({ manifest, recipe: oftenSaved, ...stopAfter(8) });
    const [last, before] = await checkpoints(stopped.folder);
    await truncate(last!.path, (await stat(last!.path)).size - 100);
    const resumed = await resume(stopped.folder);
    const message = expect.stringContaining('not a whole');
    expect(of(resumed, 'warning')[0]).toMatchObject({ code: 'checkpoint-refused', message });
    expect(of(resumed, 'start')[0]!.fromStep).toBe(before!.step);
    expect(await readdir(join(stopped.folder, 'checkpoints'))).toContain(`step-0000000${last!.step}.safetensors.refused`);
    expect((await newest(stopped.folder)).equals(await newest(whole.folder))).toBe(true);
  });

  test('a checkpoint with a flipped bit is refused and the one before it taken', async () => {
    const stopped = await start({ manifest, recipe: oftenSaved, ...stopAfter(8) });
    const [last, before] = await checkpoints(stopped.folder);
    const bytes = await readFile(last!.path);
    bytes[bytes.length >> 1]! ^= 4;
    await writeFile(last!.path, bytes);
    const resumed = await resume(stopped.folder);
    const message = expect.stringMatching(/tensor .* does not match its checksum.* checkpoint of step \d+ is taken, and this one set aside/);
    expect(of(resumed, 'warning')).toMatchObject([{ code: 'checkpoint-refused', message, step: last!.step }]);
    expect(of(resumed, 'start')[0]!.fromStep).toBe(before!.step);
    expect((await newest(stopped.folder)).equals(await newest(whole.folder))).toBe(true);
  });

  test('leftovers of a killed process are cleared away', async () => {
    const stopped = await start({ manifest, recipe: oftenSaved, ...stopAfter(1) });
    const leftovers = ['checkpoints/.step-00000005.safetensors.123.0.partial', '.run.json.123.0.partial'];
    const ofOthers = '.workbench.json.123.0.partial';
    for (const name of [...leftovers, ofOthers]) await writeFile(join(stopped.folder, name), 'half');
    await resume(stopped.folder);
    for (const name of leftovers) await expect(stat(join(stopped.folder, name)), name).rejects.toThrow();
    expect(await readdir(stopped.folder)).toContain(ofOthers);
  });
});

describe('a run that cannot go on', () => {
  test('is refused where there is something already, with a hint', async () => {
    await expect(start({ manifest, recipe, folder: whole.folder })).rejects.toThrow(/ibot resume/);
    const folder = temporaryFolder();
    await writeFile(join(folder, 'mine.txt'), 'mine');
    await expect(start({ manifest, recipe, folder })).rejects.toThrow(/not empty/);
    expect(await readdir(folder)).toEqual(['mine.txt']);
  });

  test('is refused while another process works in its folder', async () => {
    const held = await RunFolder.open(whole.folder);
    await expect(resume(whole.folder)).rejects.toThrow(/is working in/);
    await held.release();
    expect((await resume(whole.folder)).done.state).toBe('finished');
  });

  test('takes over the lock of a process that is gone', async () => {
    const gone = { pid: 4_194_304, host: hostname(), processStart: null, since: 'then' };
    await writeFile(join(whole.folder, 'lock'), JSON.stringify(gone));
    expect((await resume(whole.folder)).done.state).toBe('finished');
    await expect(stat(join(whole.folder, 'lock'))).rejects.toThrow();
  });

  test('ends with a sentence when the disk is nearly full, and the older checkpoint is intact', async () => {
    let calls = 0;
    const freeBytes = (): Promise<number> => Promise.resolve(++calls <= 2 ? 1e12 : 1e6);
    const folder = join(temporaryFolder(), 'run');
    await expect(start({ manifest, recipe, folder, freeBytes })).rejects.toThrow(/has 1 MB left .* ibot resume/);
    expect(await readRunFolder(folder)).toMatchObject({ state: 'failed', reason: expect.stringContaining('free some space') });
    expect((await checkpoints(folder)).map(({ step }) => step)).toEqual([4]);
    await resume(folder);
    expect((await newest(folder)).equals(await newest(whole.folder))).toBe(true);
  });

  test('ends before its first step when the disk cannot hold its checkpoints', async () => {
    const freeBytes = (): Promise<number> => Promise.resolve(1e5);
    await expect(start({ manifest, recipe, freeBytes })).rejects.toThrow(/free some space/);
  });

  test('stops at a value that is not finite, says where, and saves what is known', async () => {
    // A rate beyond all reason, and nothing that clips.
    const wild = tinyRecipe({ epochs: 40, lr: 1e30, clip_grad: 0, warmup_epochs: 0, knn_every: 0, freeze_last_layer: 0 });
    const folder = join(temporaryFolder(), 'run');
    await expect(start({ manifest, recipe: wild, folder })).rejects.toThrow(/not a finite number/);
    const diagnosis = JSON.parse(await readFile(join(folder, 'diagnosis.json'), 'utf8')) as Record<string, unknown>;
    expect(diagnosis.pictures).toHaveLength(8);
    expect(diagnosis.reports).not.toHaveLength(0);
    expect((await readRunFolder(folder)).state).toBe('failed');
  });
});
