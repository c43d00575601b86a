import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bucketSteps } from '../../../src/engine/host/metric-buckets';
import { RunEntry } from '../../../src/engine/host/run-entry';
import { runStateOf } from '../../../src/engine/host/run-summary';
import { RunWatcher, waitedShare } from '../../../src/engine/host/run-watcher';
import { deleteFromTrash, emptyOldTrash, listTrash, putInTrash, takeFromTrash } from '../../../src/engine/host/trash';
import { LiveRun } from '../../../src/engine/host/live-run';
import { warningOf, watchData, watchDisk } from '../../../src/engine/host/run-warnings';
import { WarningList } from '../../../src/engine/host/warning-list';
import { openLibrary } from '../../../src/engine/jobs';
import { LineFollower, MetricsColumns, ownHolder, type RunEvent, type StepEvent } from '../../../src/engine/runs';
import { writeRunRecord } from '../../../src/engine/runs/run-record';
import { temporaryFolder } from '../../support/temporary-folder';
import { tinyRecipe } from '../runs/tiny-run';

const line = (step: number, loss = Math.sin(step), more: object = {}): string =>
  `${JSON.stringify({ event: 'step', step, epoch: 1, loss, elapsed: step * 0.5, waited: 0.1, time: 1e9 + step * 0.5, ...more })}\n`;
const lines = (from: number, to: number): string => Array.from({ length: to - from }, (_, i) => line(from + i)).join('');

describe('metrics as columns', () => {
  test('grow with their file, also by parts of lines, and begin anew with another file', async () => {
    const file = join(temporaryFolder(), 'metrics.jsonl');
    const columns = new MetricsColumns(file);
    await columns.catchUp();
    expect(columns.count).toBe(0);
    await writeFile(file, lines(1, 5000) + line(5000).slice(0, 30));
    await columns.catchUp();
    expect(columns.count).toBe(4999);
    await appendFile(file, line(5000).slice(30) + '{"event":"epoch","step":5000,"epoch":1,"loss":2,"elapsed":2500}\nnot json\n' + line(5001, NaN));
    await columns.catchUp();
    expect([...columns.step.subarray(-2)]).toEqual([5000, 5001]);
    expect(columns.of('loss').at(-1)).toBeNaN();
    expect(columns.seconds.at(-1)).toBe(2500.5);
    expect(columns.epochs).toMatchObject([{ step: 5000, loss: 2 }]);
    expect(waitedShare(columns, 100)).toBeCloseTo(0.2, 5);
    const { generation } = columns;
    await writeFile(`${file}.new`, lines(1, 11));
    await rename(`${file}.new`, file);
    await columns.catchUp();
    expect(columns.generation).toBe(generation + 1);
    expect([columns.count, columns.epochs.length]).toEqual([10, 0]);
  });

  test('are read in pieces: between two of them, of whichever file, everything else has its turn', async () => {
    const folder = temporaryFolder();
    await writeFile(join(folder, 'metrics.jsonl'), lines(1, 40_001));
    const taken: number[] = [];
    const followers = Array.from({ length: 8 }, (_, i) => {
      taken.push(0);
      return new LineFollower(join(folder, 'metrics.jsonl'), { line: () => taken[i]!++, restart: () => undefined });
    });
    const reading = Promise.all(followers.map((follower) => follower.catchUp()));
    let most = 0;
    let turns = 0;
    for (let before = 0, isThrough = false; !isThrough; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
      const now = taken.reduce((a, b) => a + b);
      isThrough = now === 8 * 40_000;
      most = Math.max(most, now - before);
      before = now;
    }
    await reading;
    // A piece has 64 KiB, a line some 100 bytes.
    expect(most).toBeLessThan(2 * 700);
    expect(turns).toBeGreaterThan(300);
  });

  test('in buckets keep each extreme, and the mean of what is finite', async () => {
    const file = join(temporaryFolder(), 'metrics.jsonl');
    const losses = Array.from({ length: 1000 }, (_, i) => (i % 97 === 0 ? NaN : Math.cos(i * i)));
    await writeFile(file, losses.map((loss, i) => line(i + 1, loss)).join(''));
    const columns = new MetricsColumns(file);
    await columns.catchUp();
    const of = (unit: 'step' | 'epoch' | 'second', from: number, to: number, buckets: number) =>
      bucketSteps(columns, 100, { series: ['loss'], unit, from, to, buckets });
    const result = of('step', 11, 900, 7);
    expect([result.exact, result.stepsPerBucket, result.lastStep]).toEqual([false, 128, 1000]);
    expect(result.steps.at(-1)).toBe(900);
    const { minimum, maximum, mean } = result.series.loss!;
    for (let bucket = 0; bucket < 7; bucket++) {
      const finite = losses.slice(10 + bucket * 128, Math.min(900, 10 + (bucket + 1) * 128)).filter(Number.isFinite);
      expect(minimum[bucket]).toBe(Math.fround(Math.min(...finite)));
      expect(maximum[bucket]).toBe(Math.fround(Math.max(...finite)));
      expect(mean[bucket]).toBeCloseTo(finite.reduce((a, b) => a + b) / finite.length, 5);
    }
    expect([...of('epoch', 1, 1.02, 100).steps]).toEqual([100, 101, 102]);
    expect([...of('second', 10, 11, 100).steps]).toEqual([20, 21, 22]);
    expect(of('step', 5000, 6000, 10).steps).toHaveLength(0);
  });
});

test('a run that is going tells that it saves, and what it does again afterwards', () => {
  const live = new LiveRun('run', '/run', null);
  const saving: RunEvent[] = [
    { event: 'saving', step: 0, bytes: 100 },
    { event: 'checkpoint', step: 0, epoch: 0, path: '', bytes: 100, seconds: 1 },
  ];
  const stages = (events: RunEvent[]): string[] => events.map((event) => (live.take(event), live.stage));
  expect(stages([{ event: 'preparing', stage: 'evaluation', done: 1, total: 2 }, ...saving])).toEqual(['preparing', 'saving', 'preparing']);
  expect(stages([{ event: 'step', step: 1, elapsed: 1, waited: 0 } as StepEvent, ...saving])).toEqual(['training', 'saving', 'training']);
  expect([live.savedStep, live.savedAt === null]).toEqual([0, false]);
});

test('a watcher tells what is new, and what is void once the run goes on from its checkpoint', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'metrics.jsonl');
  await writeFile(file, lines(1, 21));
  await writeFile(join(folder, 'log.txt'), '2026-01-01T00:00:00.000Z Starting\n');
  const watcher = await RunWatcher.open(new RunEntry('run', folder, false));
  expect(watcher.noSteps).toMatchObject({ after: 20 });
  expect(await watcher.look()).toEqual({});
  await appendFile(file, lines(21, 31));
  await appendFile(join(folder, 'log.txt'), '2026-01-01T00:00:01.000Z Warning: two\n  lines\n');
  const { steps, log } = await watcher.look();
  expect([steps!.after, ...steps!.steps]).toEqual([20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30]);
  expect(log).toMatchObject({ total: 2, lines: [{ line: 1, level: 'warning', text: 'Warning: two\nlines' }] });
  // It goes on from step 25: later lines were dropped, and other ones have come.
  const goOnFrom = async (step: number, time: number): Promise<void> => {
    const kept = (await readFile(file, 'utf8')).split('\n').slice(0, step).join('\n');
    await writeFile(`${file}.new`, `${kept}\n${line(step + 1, 5, { time })}`);
    await rename(`${file}.new`, file);
  };
  await goOnFrom(25, 2e9);
  const again = await watcher.look();
  expect([again.steps!.after, ...again.steps!.steps]).toEqual([25, 26]);
  expect(again.steps!.series.loss[0]).toBe(5);
  // Also where somebody who asked for curves had it read before.
  await goOnFrom(10, 3e9);
  await watcher.columns.catchUp();
  expect(watcher.noSteps).toMatchObject({ after: 26, steps: new Float64Array() });
  const { steps: third } = await watcher.look();
  expect([third!.after, ...third!.steps]).toEqual([10, 11]);
});

test('a run that another process works in is going, whatever its record says yet, until that process is gone', async () => {
  const folder = temporaryFolder();
  await writeRunRecord(join(folder, 'run.json'), {
    format: 'ibot-workbench run',
    version: 1,
    program: { version: '1', node: 'v22' },
    created: '2026-01-01T00:00:00Z',
    state: 'stopped',
    reason: null,
    step: 0,
    recipe: tinyRecipe(),
    allowBad: false,
    device: { name: 'd', vendor: '', architecture: '', description: '', software: true, subgroupSize: 4 },
    kernels: null,
    data: { root: folder, trainingPictures: 20, heldOutPictures: 4, classes: 0, manifestHash: '' },
    sizes: { parameters: 1, stepsPerEpoch: 2, steps: 6, memoryBytes: null },
  });
  const entry = new RunEntry('run', folder, false);
  const state = async (): Promise<string> => {
    await entry.refresh();
    return runStateOf(entry, { job: undefined, isOurs: false, isPaused: false, failure: undefined, dataset: undefined });
  };
  expect(await state()).toBe('stopped');
  const holder = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' });
  const gone = once(holder, 'exit');
  await writeFile(join(folder, 'lock'), JSON.stringify({ ...ownHolder(), pid: holder.pid, processStart: null }));
  expect([await state(), entry.heldElsewhere]).toEqual(['running', true]);
  holder.kill('SIGKILL');
  await gone;
  expect([await state(), entry.heldElsewhere]).toEqual(['stopped', false]);
});

describe('the trash', () => {
  test('keeps for 30 days, gives back, and leads nowhere else', async () => {
    const library = await openLibrary(join(temporaryFolder(), 'library'));
    const run = join(library.runs, 'a');
    await mkdir(run);
    await writeFile(join(run, 'file'), 'four');
    const item = await putInTrash(library, 'a', run);
    const [only] = await listTrash(library);
    expect(only).toMatchObject({ item, run: 'a' });
    expect(only!.until - only!.deleted).toBe(30 * 86_400_000);
    // What lies there does not change: it is not read again.
    await rm(join(library.trash, item, 'deleted.json'));
    expect(await listTrash(library)).toEqual([only]);
    await emptyOldTrash(library, only!.until - 1);
    await takeFromTrash(library, item, run);
    expect(await readFile(join(run, 'file'), 'utf8')).toBe('four');
    const again = await putInTrash(library, 'a', run);
    await emptyOldTrash(library, Date.now() + 31 * 86_400_000);
    expect(await listTrash(library)).toEqual([]);
    await expect(takeFromTrash(library, again, run)).rejects.toThrow();
    for (const bad of ['..', '../runs', '.', 'a/b', '']) await expect(deleteFromTrash(library, [bad])).rejects.toThrow('no such item');
  });
});

describe('warnings', () => {
  const step = (number: number, waited: number): StepEvent => ({ event: 'step', step: number, elapsed: number, waited }) as StepEvent;

  test('say that the device waits for pictures, and stop saying so', () => {
    const list = new WarningList(() => undefined);
    const live = new LiveRun('run', '/run', 'data1');
    for (let i = 1; i <= 100; i++) live.take(step(i, 0.4));
    expect(live.waitingForData).toBeCloseTo(0.4, 5);
    watchData(live, 1, list);
    expect(list.list).toMatchObject([{ code: 'slow-data', run: 'run', title: 'The device waits for pictures 40% of the time.', over: false }]);
    for (let i = 101; i <= 1000; i++) live.take(step(i, 0));
    watchData(live, 1, list);
    expect(list.list).toMatchObject([{ code: 'slow-data', over: true }]);
    list.see(undefined);
    expect(list.list).toEqual([]);
  });

  test('say that the disk is nearly full', async () => {
    const list = new WarningList(() => undefined);
    const live = new LiveRun('run', '/run', null);
    live.checkpointBytes = 1e9;
    await watchDisk(live, list, () => Promise.resolve(1.5e9));
    expect(list.list).toMatchObject([{ code: 'disk-nearly-full', title: 'The disk has 1.5 GB left.', actions: [{ kind: 'free-space' }, { kind: 'show-run' }] }]);
    await watchDisk(live, list, () => Promise.resolve(9e9));
    expect(list.list).toMatchObject([{ over: true }]);
  });

  test('of a run come once while they last, and offer a way out', () => {
    let changes = 0;
    const list = new WarningList(() => changes++);
    const event = { event: 'warning', code: 'uniform-teacher', message: 'Nearly uniform.', step: 5 } as const;
    for (let i = 0; i < 3; i++) list.raise(warningOf(event, 'run', null));
    expect([list.list.length, changes]).toEqual([1, 1]);
    expect(list.list[0]).toMatchObject({ severity: 'warning', actions: [{ kind: 'show-run', run: 'run' }, { kind: 'clone-run', run: 'run' }] });
    list.see([list.list[0]!.id]);
    expect(list.list).toMatchObject([{ seen: true }]);
    list.overForRun('run');
    expect(list.list).toEqual([]);
  });
});
