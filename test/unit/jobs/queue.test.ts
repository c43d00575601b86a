import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { UserError } from '../../../src/engine/errors';
import { JobQueue, type JobOutcome, libraryOfRun, openLibrary, QueueFile, waitForTurn, type LibraryFolders, type StoredJob } from '../../../src/engine/jobs';
import { ownHolder, type RunControl } from '../../../src/engine/runs';
import { builtEngine } from '../../support/built-engine';
import { temporaryFolder } from '../../support/temporary-folder';
import { until } from '../host/tiny-host';

const library = (): Promise<LibraryFolders> => openLibrary(join(temporaryFolder(), 'library'));

/** A process that is gone. */
const goneHolder = { ...ownHolder(), pid: 2 ** 22 - 3, processStart: 'gone' };

/** A queue whose jobs go on until they are stopped. */
function openQueue(folders: LibraryFolders, steps: Record<string, number> = {}): { queue: JobQueue; ran: string[] } {
  const ran: string[] = [];
  const queue = new JobQueue({
    library: folders,
    carryOut: (job: StoredJob, control: RunControl) => {
      ran.push(job.run);
      return new Promise((resolve) => control.signal.addEventListener('abort', () => resolve('over')));
    },
    savedStep: ({ run }) => Promise.resolve(steps[run] ?? 0),
    changed: () => undefined,
    defect: (error) => {
      throw error;
    },
    share: () => 0.1,
    lookEvery: 20,
  });
  return { queue, ran };
}

const add = (queue: JobQueue, run: string): Promise<number> => queue.add({ run, folder: `/${run}`, detail: '' });
const names = async (folders: LibraryFolders): Promise<string[]> => (await new QueueFile(folders.queue).read()).jobs.map(({ run }) => run);

describe('the file', () => {
  test('takes the changes of several processes, none lost', async () => {
    const folders = await library();
    const engine = await builtEngine({ 'queue-worker': 'test/unit/jobs/queue-worker.ts' });
    const workers = ['a', 'b', 'c'].map((name) => {
      const child = spawn(process.execPath, [join(engine, 'queue-worker.js'), folders.queue, name, '12'], { stdio: 'inherit' });
      return new Promise((resolve) => child.on('close', resolve));
    });
    expect(await Promise.all(workers)).toEqual([0, 0, 0]);
    const { jobs } = await new QueueFile(folders.queue).read();
    expect(jobs.map(({ job }) => job).sort((a, b) => a - b)).toEqual(Array.from({ length: 36 }, (_, i) => i + 1));
  });

  test('is changed although a process died with its lock, and read although it is damaged', async () => {
    const folders = await library();
    await writeFile(`${folders.queue}.lock`, JSON.stringify(goneHolder));
    await writeFile(folders.queue, 'not a queue');
    const file = new QueueFile(folders.queue);
    expect(await file.change((queue) => ((queue.held = true), queue.jobs.length))).toBe(0);
    expect((await file.read()).held).toBe(true);
    expect(await readFile(`${folders.queue}.unreadable`, 'utf8')).toBe('not a queue');
  });
});

describe('the queue of the workbench', () => {
  test('carries out one after another, held ones not', async () => {
    const folders = await library();
    const { queue, ran } = openQueue(folders);
    await queue.open();
    await queue.hold(true);
    queue.start();
    for (const run of ['a', 'b', 'c']) await add(queue, run);
    await expect(add(queue, 'a')).rejects.toThrow('in the queue already');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(ran).toEqual([]);
    const last = (await new QueueFile(folders.queue).read()).jobs[2]!;
    await queue.move(last.job, 1);
    expect(await names(folders)).toEqual(['c', 'a', 'b']);
    await queue.hold(false);
    await until(() => ran.length === 1);
    expect(ran).toEqual(['c']);
    await expect(queue.move(last.job, null)).rejects.toThrow('is going');
    queue.going!.control.stop({ save: false });
    await until(() => ran.length === 2);
    expect(await names(folders)).toEqual(['a', 'b']);
    await queue.close('discard');
    expect(await names(folders)).toEqual(['b']);
  });

  test('takes up what a process left that is gone, first, and gives it up after three attempts at the same place', async () => {
    const folders = await library();
    const before = openQueue(folders).queue;
    await add(before, 'waits');
    await add(before, 'left');
    const file = new QueueFile(folders.queue);
    const leave = (): Promise<void> =>
      file.change((queue) => {
        const job = queue.jobs.find(({ run }) => run === 'left');
        if (job) Object.assign(job, { state: 'running', holder: goneHolder });
      });
    for (let attempt = 1; attempt <= 3; attempt++) {
      await leave();
      const { queue } = openQueue(folders, { left: 7 });
      expect(await queue.open()).toMatchObject([{ fromStep: 7, givenUp: false, job: { run: 'left' } }]);
      expect(await names(folders)).toEqual(['left', 'waits']);
    }
    // One step further counts as another place.
    await leave();
    expect(await openQueue(folders, { left: 8 }).queue.open()).toMatchObject([{ givenUp: false }]);
    for (let attempt = 2; attempt <= 3; attempt++) {
      await leave();
      await openQueue(folders, { left: 8 }).queue.open();
    }
    await leave();
    expect(await openQueue(folders, { left: 8 }).queue.open()).toMatchObject([{ givenUp: true }]);
    expect(await names(folders)).toEqual(['waits']);
  });

  test('what is left is taken over by one of two that open at once', async () => {
    const folders = await library();
    await add(openQueue(folders).queue, 'left');
    await new QueueFile(folders.queue).change((queue) => Object.assign(queue.jobs[0]!, { state: 'running', holder: goneHolder }));
    const second = openQueue(folders).queue;
    let taken: unknown;
    // While the first looks how far the run is, the second takes it over and begins it.
    const first = new JobQueue({
      library: folders,
      carryOut: () => Promise.resolve('over'),
      savedStep: async () => {
        taken = await second.open();
        second.start();
        await until(() => second.going);
        return 7;
      },
      changed: () => undefined,
      defect: (error) => {
        throw error;
      },
      share: () => 0.1,
    });
    expect(await first.open()).toEqual([]);
    expect(taken).toMatchObject([{ job: { run: 'left' } }]);
    const { jobs } = await new QueueFile(folders.queue).read();
    expect(jobs).toMatchObject([{ run: 'left', state: 'running', attempts: 1, holder: { pid: process.pid } }]);
    await second.close('discard');
  });

  test('ends with its job saved and paused, or left for the next process', async () => {
    const folders = await library();
    const first = openQueue(folders).queue;
    await first.open();
    first.start();
    await add(first, 'a');
    await until(() => first.going);
    await first.close('save');
    expect((await new QueueFile(folders.queue).read()).jobs).toMatchObject([{ run: 'a', state: 'paused', holder: null }]);
    const { queue, ran } = openQueue(folders);
    expect(await queue.open()).toEqual([]);
    queue.start();
    await add(queue, 'b');
    await until(() => ran.includes('b'));
    expect(ran).toEqual(['b']);
    expect(await queue.unpause('/a')).toBe(true);
    expect(await queue.unpause('/a')).toBe(false);
    queue.going!.control.stop({ save: true });
    await until(() => ran.includes('a'));
    await queue.close('leave');
    expect((await new QueueFile(folders.queue).read()).jobs).toMatchObject([{ run: 'a', state: 'running' }]);
  });

  test.each(['save', 'leave'] as const)('leaves what somebody paused to them when it ends (%s)', async (mode) => {
    const folders = await library();
    const first = openQueue(folders).queue;
    await first.open();
    first.start();
    await add(first, 'a');
    await until(() => first.going);
    await first.setPaused(true);
    await first.close(mode);
    const { queue, ran } = openQueue(folders);
    expect(await queue.open()).toEqual([]);
    queue.start();
    await add(queue, 'b');
    await until(() => ran.length > 0);
    const { jobs } = await new QueueFile(folders.queue).read();
    expect(jobs).toMatchObject([{ run: 'b' }, { run: 'a', state: 'paused' }]);
    expect(ran).toEqual(['b']);
    expect(await queue.unpause('/a')).toBe(true);
    await queue.close('discard');
  });

  test('lets a job that goes on again come first, and begins none while there is nothing to carry it out on', async () => {
    const folders = await library();
    const outcomes: JobOutcome[] = ['again', 'over', 'over'];
    const ran: string[] = [];
    let isThere = true;
    const queue = new JobQueue({
      ...{ library: folders, savedStep: () => Promise.resolve(0), changed: () => undefined, share: () => 0.1, lookEvery: 20 },
      mayBegin: () => isThere,
      carryOut: ({ run }) => {
        ran.push(run);
        isThere = outcomes[0] !== 'again';
        return Promise.resolve(outcomes.shift()!);
      },
      defect: (error) => {
        throw error;
      },
    });
    await queue.open();
    for (const run of ['a', 'b']) await add(queue, run);
    queue.start();
    const stored = new QueueFile(folders.queue);
    await until(async () => ran.length === 1 && (await stored.read()).jobs[0]!.holder === null);
    expect((await stored.read()).jobs).toMatchObject([{ run: 'a', state: 'waiting' }, { run: 'b', state: 'waiting' }]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(ran).toEqual(['a']);
    isThere = true;
    queue.look();
    await until(async () => (await names(folders)).length === 0);
    expect(ran).toEqual(['a', 'a', 'b']);
    await queue.close('discard');
  });

  test('takes a job out that is over as soon as the disk has room to say so', async () => {
    const folders = await library();
    const defects: unknown[] = [];
    const queue = new JobQueue({
      ...{ library: folders, savedStep: () => Promise.resolve(0), changed: () => undefined, share: () => 0.1, lookEvery: 20 },
      carryOut: () => {
        vi.spyOn(QueueFile.prototype, 'change').mockRejectedValueOnce(new UserError('The disk is full.'));
        return Promise.resolve('over');
      },
      defect: (error) => defects.push(error),
    });
    await queue.open();
    queue.start();
    await add(queue, 'a');
    await until(() => defects.length > 0);
    expect(await names(folders)).toEqual(['a']);
    await until(async () => (await names(folders)).length === 0);
    vi.restoreAllMocks();
    await queue.close('discard');
  });
});

describe('a turn of the command line', () => {
  test('comes when the device is free, and is given back', async () => {
    const folders = await library();
    const { queue, ran } = openQueue(folders);
    await queue.open();
    queue.start();
    await add(queue, 'first');
    await until(() => ran.length === 1);
    const said: string[] = [];
    const request = { run: 'mine', folder: '/mine', detail: '', lookEvery: 20, onWait: (message: string) => said.push(message) };
    const waiting = waitForTurn(folders, request);
    await until(() => said.length === 1);
    expect(said[0]).toMatch(/^The device is taken: first is being trained/);
    await add(queue, 'after');
    queue.going!.control.stop({ save: true });
    const turn = await waiting;
    expect(await names(folders)).toEqual(['mine', 'after']);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(ran).toEqual(['first']);
    await turn!.end();
    await until(() => ran.length === 2);
    expect(await names(folders)).toEqual(['after']);
    await queue.close('discard');
  });

  test('is given up by a signal', async () => {
    const folders = await library();
    await new QueueFile(folders.queue).change((queue) => (queue.held = true));
    const controller = new AbortController();
    const said: string[] = [];
    const request = { run: 'mine', folder: '/mine', detail: '', signal: controller.signal, lookEvery: 20 };
    const waiting = waitForTurn(folders, { ...request, onWait: (message) => said.push(message) });
    await until(() => said.length === 1);
    expect(said[0]).toMatch(/^The queue is held/);
    controller.abort();
    expect(await waiting).toBeUndefined();
    expect(await names(folders)).toEqual([]);
  });

  test('of a process that is gone counts for nothing; jobs of a workbench that is closed do not stand in the way', async () => {
    const folders = await library();
    const { queue } = openQueue(folders);
    await add(queue, 'closed');
    await new QueueFile(folders.queue).change((stored) => {
      stored.jobs[0]!.beat = Date.now() - 60_000;
      stored.jobs.push({ ...stored.jobs[0]!, job: 50, run: 'gone', owner: 'command-line', state: 'running', holder: goneHolder });
    });
    const turn = await waitForTurn(folders, { run: 'mine', folder: '/mine', detail: '', lookEvery: 20 });
    expect(await names(folders)).toEqual(['mine', 'closed']);
    await turn!.end();
  });
});

test('a run knows its library by its place', async () => {
  const folders = await library();
  expect((await libraryOfRun(join(folders.runs, 'new')))?.folder).toBe(folders.folder);
  const elsewhere = temporaryFolder();
  mkdirSync(join(elsewhere, 'runs'));
  expect(await libraryOfRun(join(elsewhere, 'runs', 'new'))).toBeUndefined();
  expect(await libraryOfRun(join(elsewhere, 'new'))).toBeUndefined();
});
