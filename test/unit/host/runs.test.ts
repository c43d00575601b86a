import { mkdir, readFile, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Manifest, Problem } from '../../../src/engine/data';
import { stepSeries, type Draft, type RunProgress, type TopicValue } from '../../../src/engine/protocol';
import type { RunRecord } from '../../../src/engine/runs/run-record';
import { temporaryFolder } from '../../support/temporary-folder';
import { newestCheckpoint, start, tinyManifest, tinyRecipe, type Ran } from '../runs/tiny-run';
import { DATASET, draft, openTinyHost, until, type TinyHost } from './tiny-host';

const recipe = tinyRecipe({ knn_every: 2, epochs: 12 });
let manifest: Manifest;
let whole: Ran;
let tiny: TinyHost;

beforeAll(async () => {
  manifest = await tinyManifest();
  // The same choices of kernels everywhere: then the bits are the same.
  const kernelCache = temporaryFolder();
  whole = await start({ manifest, recipe, kernelCache });
  tiny = await openTinyHost(manifest, recipe, { kernelCache });
});
afterAll(() => tiny.host.close('discard'));

const stateOf = async (run: string): Promise<string> => (await tiny.window.call('runs.get', { run })).state;

describe('a run started from a window', () => {
  const run = 'first';
  const told: TopicValue<'run.steps'>[] = [];
  const progress: RunProgress[] = [];

  test('begins at once, and its metrics come in a row', async () => {
    const { window } = tiny;
    const begun = await window.call('runs.start', { name: run, draft, tags: ['new'], note: 'why' });
    expect(['queued', 'running']).toContain(begun.state);
    expect(begun).toMatchObject({ run, tags: ['new'], note: 'why', dataset: draft.dataset, datasetName: 'tiny', foreign: false });
    window.subscribe('run.steps', run, (value) => told.push(value));
    window.subscribe('run.progress', run, (value) => progress.push(value));
    await until(() => told.some(({ steps }) => steps.length > 0));
    expect(told[0]!.steps).toHaveLength(0);
    let last = told[0]!.after;
    for (const { after, steps, series, seconds } of told) {
      expect(after).toBe(last);
      for (const name of stepSeries.options) expect(series[name]).toHaveLength(steps.length);
      expect(seconds).toHaveLength(steps.length);
      last = steps.at(-1) ?? last;
    }
  });

  test('waits saved when paused, and computes nothing', async () => {
    const { window } = tiny;
    const paused = await window.call('runs.pause', { run });
    expect(paused.state).toBe('paused');
    expect(paused.checkpoints).toBeGreaterThan(0);
    const { step } = await window.call('monitor.progress', { run });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect((await window.call('monitor.progress', { run })).step).toBe(step);
    expect((await window.call('queue.get', {})).jobs).toMatchObject([{ run, state: 'paused', owner: 'workbench' }]);
    expect((await window.call('runs.resume', { run })).state).toBe('running');
    await expect(window.call('runs.resume', { run })).rejects.toThrow('is not paused');
  });

  test('saves now, stops saved, goes on, and ends with the bits of a run that was never stopped', async () => {
    const { window } = tiny;
    const saved = await window.call('runs.save', { run });
    expect(saved.bytes).toBeGreaterThan(1000);
    const stopped = await window.call('runs.stop', { run, save: true });
    expect(stopped.state).toBe('stopped');
    expect((await window.call('queue.get', {})).jobs).toEqual([]);
    await window.call('runs.continue', { run });
    await until(async () => (await stateOf(run)) === 'finished');
    expect(await newestCheckpoint(join(tiny.library, 'runs', run))).toEqual(await newestCheckpoint(whole.folder));
    await expect(window.call('runs.continue', { run })).rejects.toThrow('is finished');
    await until(() => progress.at(-1)?.state === 'finished');
    expect(progress.at(-1)).toMatchObject({ stage: 'over', controllable: false, step: whole.done.steps });
  });

  test('shows its curves whole and in buckets, its panels, and its log', async () => {
    const { window } = tiny;
    const wanted = { run, series: ['loss' as const], unit: 'step' as const };
    const raw = await window.call('monitor.steps', { ...wanted, buckets: 4096 });
    expect(raw.exact).toBe(true);
    expect([...raw.steps]).toEqual(Array.from({ length: whole.done.steps }, (_, i) => i + 1));
    const few = await window.call('monitor.steps', { ...wanted, buckets: 5 });
    const { minimum, maximum, mean } = few.series.loss!;
    const loss = raw.series.loss!.mean;
    const first = loss.subarray(0, few.stepsPerBucket);
    expect(minimum[0]).toBe(Math.min(...first));
    expect(maximum[0]).toBe(Math.max(...first));
    expect(mean[0]).toBeCloseTo(first.reduce((a, b) => a + b) / first.length, 5);
    const epochs = await window.call('monitor.epochs', { run });
    expect([...epochs.epochs]).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(epochs.series.knn!.at(-1)).not.toBeNaN();
    const { pictures, panels, basis } = await window.call('monitor.panels', { run });
    expect(pictures).toHaveLength(8);
    expect(pictures[0]!.picture).not.toBeNull();
    const panel = await window.call('monitor.panel', { run, step: panels.at(-1)!.step });
    expect(panel.pictures[0]!.attention.values).toHaveLength(16);
    const strip = await window.call('monitor.strip', { run, place: 2, steps: [...panels.map(({ step }) => step), 99_999] });
    expect(strip.frames).toHaveLength(panels.length);
    expect(strip.frames.at(-1)!.colours).toEqual(panel.pictures[2]!.colours);
    expect(panels.map(({ step }) => step)).toContain(basis);
    expect([panel.basis, strip.basis]).toEqual([basis, basis]);
    const log = await window.call('monitor.log', { run, from: 0, count: 1000 });
    expect(log.lines.at(-1)!.text).toMatch(/^Finished after step/);
    const frame = await window.call('monitor.frame', { run, points: 16 });
    expect(frame.marks.map(({ label }) => label)).toContain('learning rate warm-up ends');
    expect(frame.schedules.learningRate).toHaveLength(16);
  });

  test('is told in the list', async () => {
    const { runs } = await tiny.window.call('runs.list', {});
    expect(runs).toMatchObject([{ run, state: 'finished', step: whole.done.steps, labels: true }]);
    expect(runs[0]!.curve.values.length).toBeGreaterThan(3);
    const detail = await tiny.window.call('runs.get', { run });
    expect(detail).toMatchObject({ sameDevice: true, failure: null, trainingPictures: 19, heldOutPictures: 5 });
    expect(detail.saved.length).toBe(detail.checkpoints);
  });
});

describe('runs at rest', () => {
  test('are renamed, tagged, noted, put into the trash and taken out of it', async () => {
    const { window } = tiny;
    await window.call('runs.rename', { run: 'first', name: 'renamed' });
    await expect(window.call('runs.get', { run: 'first' })).rejects.toMatchObject({ error: { code: 'not-found' } });
    const { runs } = await window.call('runs.tag', { runs: ['renamed'], add: ['a', 'b'], remove: ['new'] });
    expect(runs[0]!.tags).toEqual(['a', 'b']);
    expect((await window.call('runs.setNote', { run: 'renamed', note: 'text' })).note).toBe('text');
    const trash = async () => (await window.call('runs.remove', { runs: ['renamed'] })).items.filter((item) => item !== null);
    const items = await trash();
    expect((await window.call('runs.list', {})).runs).toEqual([]);
    expect((await window.call('trash.list', {})).items).toMatchObject([{ item: items[0], run: 'renamed' }]);
    await window.call('trash.restore', { items });
    expect((await window.call('runs.get', { run: 'renamed' })).tags).toEqual(['a', 'b']);
    await window.call('trash.empty', { items: await trash() });
    expect((await window.call('trash.list', {})).items).toEqual([]);
    await expect(window.call('trash.restore', { items: ['../runs'] })).rejects.toMatchObject({ error: { code: 'not-found' } });
  });

  test('from elsewhere are taken into the list where they are, compared, and only leave the list', async () => {
    const { window } = tiny;
    const other = await start({ manifest, recipe: tinyRecipe({ epochs: 2, teacher_temp: 0.05 }) });
    const a = await window.call('runs.add', { folder: whole.folder });
    const b = await window.call('runs.add', { folder: other.folder });
    const { options, notes, pictures } = await window.call('runs.compare', { runs: [a.run, b.run] });
    expect(options.filter(({ differs }) => differs).map(({ name }) => name)).toEqual(expect.arrayContaining(['epochs', 'teacher_temp']));
    expect(notes).toContainEqual({ chart: 'loss', message: 'not comparable: teacher temperatures differ' });
    expect(pictures).toEqual([]);
    expect((await window.call('runs.remove', { runs: [a.run, b.run] })).items).toEqual([null, null]);
    expect((await window.call('trash.list', {})).items).toEqual([]);
    expect(await newestCheckpoint(whole.folder)).toBeInstanceOf(Buffer);
    await expect(window.call('runs.add', { folder: tiny.library })).rejects.toThrow('is not the folder of a run');
  });
});

test('a run that is being prepared pauses and stops at once, and says where it is', async () => {
  const { window } = tiny;
  await window.call('runs.start', { name: 'early', draft });
  await until(async () => (await stateOf('early')) === 'running');
  expect(await window.call('runs.pause', { run: 'early' })).toMatchObject({ state: 'paused', step: 0 });
  expect(await window.call('monitor.progress', { run: 'early' })).toMatchObject({ state: 'paused', stage: 'preparing', asked: null });
  expect(await window.call('runs.stop', { run: 'early', save: true })).toMatchObject({ state: 'stopped', step: 0, reason: null });
});

test('pictures that break during a run are told to its dataset', async () => {
  const pictures = await tinyManifest();
  const { path } = pictures.pictures.find(({ split }) => split === 'train')!;
  await writeFile(join(pictures.root, path), 'no picture');
  const { host, window } = await openTinyHost(pictures, tinyRecipe({ knn_every: 0 }));
  const told: { dataset: string; pictures: readonly Problem[] }[] = [];
  host.context.datasets = { ...host.context.datasets, noteBroken: (dataset, broken) => told.push({ dataset, pictures: broken }) };
  await window.call('runs.start', { name: 'broken', draft });
  await until(() => told.length > 0);
  expect(told).toEqual([{ dataset: draft.dataset, pictures: [{ path, reason: expect.any(String) as string }] }]);
  await until(async () => (await window.call('runs.get', { run: 'broken' })).state === 'finished');
  expect(told).toHaveLength(1);
  await host.close('discard');
});

test('a run whose dataset was moved is cloned from it, and goes on at the new place; without pictures it says why not', async () => {
  const pictures = await tinyManifest();
  const { host, window, library } = await openTinyHost(pictures, tinyRecipe({ knn_every: 0, epochs: 400 }));
  await window.call('runs.start', { name: 'moved', draft });
  const step = async (): Promise<number> => (await window.call('monitor.progress', { run: 'moved' })).step;
  await until(async () => (await step()) > 2);
  const { step: saved } = await window.call('runs.stop', { run: 'moved', save: true });
  const elsewhere = join(temporaryFolder(), 'elsewhere');
  await rename(pictures.root, elsewhere);
  host.context.datasets = { ...host.context.datasets, byFolder: () => undefined };

  await window.call('runs.continue', { run: 'moved' });
  const gone = await until(async () => {
    const run = await window.call('runs.get', { run: 'moved' });
    return run.state === 'stopped' && run.reason !== null && run;
  });
  expect(gone.reason).toBe(`The pictures of this run are not at ${pictures.root} any more: put them back to go on.`);

  host.context.datasets = { ...host.context.datasets, folderOf: () => elsewhere };
  expect((await window.call('recipes.fromRun', { run: 'moved' })).dataset).toBe(DATASET);
  // Its place in the queue is given up a moment later.
  await until(() => window.call('runs.continue', { run: 'moved' }).then(() => true, () => false));
  await until(async () => (await step()) > saved);
  expect((await window.call('runs.stop', { run: 'moved', save: true })).step).toBeGreaterThan(saved);
  // From then on the run knows it, whoever goes on with it.
  const { data } = JSON.parse(await readFile(join(library, 'runs', 'moved', 'run.json'), 'utf8')) as RunRecord;
  expect(data.root).toBe(elsewhere);
  await host.close('discard');
});

describe('the queue', () => {
  test('runs one at a time, in an order that can be changed, and holds', async () => {
    const { window } = tiny;
    await window.call('devices.measure', {});
    await window.call('queue.hold', { held: true });
    for (const name of ['one', 'two', 'three']) await window.call('runs.start', { name, draft });
    const { jobs } = await window.call('queue.get', {});
    expect(jobs.map(({ run, state }) => [run, state])).toEqual([['one', 'waiting'], ['two', 'waiting'], ['three', 'waiting']]);
    // Nobody knows when they begin, but how long they take.
    expect(jobs.map(({ beginsAt }) => beginsAt)).toEqual([null, null, null]);
    expect(jobs[0]!.secondsLeft).toBeGreaterThan(0);
    expect(jobs[1]!.secondsLeft).toBe(jobs[0]!.secondsLeft);
    await window.call('queue.move', { job: jobs[2]!.job, before: jobs[0]!.job });
    // Also while somebody looks at the folders: the name is free at once.
    await Promise.all([window.call('runs.list', {}), window.call('queue.remove', { job: jobs[1]!.job })]);
    await window.call('runs.start', { name: 'two', draft });
    const again = (await window.call('queue.get', {})).jobs.at(-1)!;
    const [{ jobs: after }] = await Promise.all([window.call('queue.remove', { job: again.job }), window.call('runs.list', {})]);
    expect(after.map(({ run }) => run)).toEqual(['three', 'one']);
    await expect(window.call('runs.get', { run: 'two' })).rejects.toMatchObject({ error: { code: 'not-found' } });
    await window.call('queue.hold', { held: false });
    await until(async () => (await stateOf('three')) === 'running');
    expect(await stateOf('one')).toBe('queued');
    const { jobs: begun, endsAt } = await window.call('queue.get', {});
    expect(begun[1]!.beginsAt).toBeGreaterThan(Date.now());
    expect(endsAt).toBeGreaterThan(begun[1]!.beginsAt!);
    await window.call('runs.stop', { run: 'three', save: false });
    await until(async () => (await stateOf('one')) === 'running');
    await window.call('runs.stop', { run: 'one', save: false });
  });

  test('one that is renamed as it begins goes by its new name, or is said to be going', async () => {
    const { window } = tiny;
    for (const wait of [0, 1, 2, 4, 8]) {
      await window.call('queue.hold', { held: true });
      await window.call('runs.start', { name: `early ${wait}`, draft });
      const begun = window.call('queue.hold', { held: false });
      await new Promise((resolve) => setTimeout(resolve, wait));
      const said = await window.call('runs.rename', { run: `early ${wait}`, name: `late ${wait}` }).then(
        ({ run }) => run,
        (error: Error) => error.message,
      );
      await begun;
      const run = said.startsWith('late') ? `late ${wait}` : `early ${wait}`;
      expect(said).toMatch(new RegExp(`^(late ${wait}|early ${wait} is going: stop it .*)$`));
      await until(async () => (await stateOf(run)) === 'running');
      await window.call('runs.stop', { run, save: false });
      expect((await window.call('runs.get', { run })).reason).toBeNull();
    }
  });

  test('goes on with a run whose device was lost, before those that wait, and nobody is told that it failed', async () => {
    const { window, host } = tiny;
    const told: string[] = [];
    window.subscribe('runs', undefined, ({ runs }) => told.push(...runs.flatMap(({ run, state }) => (run === 'lost' ? [state] : []))));
    for (const name of ['lost', 'behind']) await window.call('runs.start', { name, draft });
    const step = async (): Promise<number> => (await window.call('monitor.progress', { run: 'lost' })).step;
    await until(async () => (await step()) > 2);
    const saved = await window.call('runs.save', { run: 'lost' });
    await until(async () => (await step()) > saved.step);
    (await host.context.device.open()).device.destroy();
    await until(() => told.includes('queued'));
    await until(async () => (await step()) > saved.step + 1);
    const { jobs } = await window.call('queue.get', {});
    expect(jobs.map(({ run, state }) => [run, state])).toEqual([['lost', 'running'], ['behind', 'waiting']]);
    expect(told).not.toContain('failed');
    expect((await window.present('warnings')).warnings.map(({ code }) => code)).toContain('device-lost');
    await window.call('queue.remove', { job: jobs[1]!.job });
    await window.call('runs.stop', { run: 'lost', save: false });
  });

  test('what cannot be done is told in a sentence', async () => {
    const { window } = tiny;
    await expect(window.call('runs.start', { name: 'one', draft })).rejects.toThrow('There is a run named one already');
    await expect(window.call('runs.pause', { run: 'one' })).rejects.toThrow('one is not going, so it cannot be paused.');
    await expect(window.call('queue.move', { job: 999, before: null })).rejects.toMatchObject({ error: { code: 'not-found' } });
    expect(await window.call('runs.checkName', { name: 'ONE' })).toMatchObject({ problem: expect.stringMatching(/already/) as string });
    expect(await window.call('runs.checkName', { name: 'a/b' })).toMatchObject({ problem: expect.stringMatching(/holds none/) as string });
    expect(await window.call('runs.checkName', { name: 'free' })).toEqual({ problem: null });
  });

  test('the name that is suggested is one that can be started, whatever lies beside the runs', async () => {
    const { window } = tiny;
    const { data_path: _, output_dir: __, ...options } = recipe;
    const wanted = { ...draft, options: options as unknown as Draft['options'] };
    const { suggestedName: first } = await window.call('recipes.check', wanted);
    await mkdir(join(tiny.library, 'runs', first.toUpperCase()));
    const { suggestedName: second } = await window.call('recipes.check', wanted);
    expect(second).not.toBe(first);
    expect(await window.call('runs.checkName', { name: second })).toEqual({ problem: null });
  });

  test('a run whose folder is taken away leaves the list', async () => {
    const gone: string[] = [];
    tiny.window.subscribe('runs', undefined, (value) => gone.push(...value.gone));
    const folder = join(tiny.library, 'runs', 'three');
    await rename(folder, `${folder}-elsewhere`);
    await utimes(tiny.library, new Date(), new Date());
    await until(() => gone.includes('three'));
  });
});
