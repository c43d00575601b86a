/** Real processes on one library: killed in the middle, taken up again, waiting for each other. */
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Manifest } from '../../../src/engine/data';
import { QueueFile } from '../../../src/engine/jobs';
import { builtEngine } from '../../support/built-engine';
import { temporaryFolder } from '../../support/temporary-folder';
import { newestCheckpoint, start, tinyManifest, tinyRecipe, type Ran } from '../runs/tiny-run';
import { ChildEngine, withCache } from './child-engine';
import { draft, openTinyHost, until } from './tiny-host';

/** Starting an engine is slow where others compute, too. */
const LONG = 400_000;

const recipe = tinyRecipe({ epochs: 40, knn_every: 0, workers: 1 });
let engine: string;
let manifest: Manifest;
let whole: Ran;
/** The same choices of kernels everywhere: then the bits are the same. */
const cache = temporaryFolder();
const kernelCache = join(cache, 'ibot-workbench', 'kernels');

beforeAll(async () => {
  engine = await builtEngine({
    host: 'src/engine/host/main.ts',
    main: 'src/engine/cli/main.ts',
    'decode-worker': 'src/engine/data/decode-worker.ts',
  });
  manifest = await tinyManifest();
  whole = await start({ manifest, recipe, kernelCache });
});

/** A library with a run that waits; the dataset is known to this process alone, the run brings its own list of pictures. */
async function libraryWithQueued(run: string): Promise<string> {
  const { host, window, library } = await openTinyHost(manifest, recipe);
  await window.call('queue.hold', { held: true });
  await window.call('runs.start', { name: run, draft });
  await host.close('leave');
  await new QueueFile(join(library, 'queue.json')).change((queue) => {
    queue.held = false;
  });
  return library;
}

const child = (library: string): ChildEngine => new ChildEngine(join(engine, 'host.js'), library, cache);

test('killed in the middle, the next engine goes on from the last checkpoint, says so, and the bits are the same', async () => {
  const library = await libraryWithQueued('killed');
  const first = child(library);
  const window = await first.ready;
  await until(async () => (await window.call('monitor.progress', { run: 'killed' })).step > 5);
  const saved = await window.call('runs.save', { run: 'killed' });
  await until(async () => (await window.call('monitor.progress', { run: 'killed' })).step > saved.step + 3);
  first.child.kill('SIGKILL');
  expect(await first.ended).toBe('SIGKILL');

  const second = child(library);
  const again = await second.ready;
  const recovered = await again.call('engine.recover', { reason: 'Ended by signal 9.' });
  expect(recovered).toMatchObject({ run: 'killed', fromStep: saved.step });
  expect(recovered!.stepsAgain).toBeGreaterThanOrEqual(3);
  const { warnings } = await again.present('warnings');
  expect(warnings).toContainEqual(expect.objectContaining({ code: 'engine-restarted', run: 'killed' }));
  await until(async () => (await again.call('runs.get', { run: 'killed' })).state === 'finished');
  expect(await newestCheckpoint(join(library, 'runs', 'killed'))).toEqual(await newestCheckpoint(whole.folder));
  // Its channel closes: no engine outlives its program.
  second.child.disconnect();
  expect(await second.ended).toBe(0);
}, LONG);

describe('an engine that is asked to end', () => {
  test('saves first, and the run goes on when it is resumed', async () => {
    const library = await libraryWithQueued('asked');
    const first = child(library);
    const window = await first.ready;
    await until(async () => (await window.call('monitor.progress', { run: 'asked' })).step > 3);
    await window.call('engine.shutdown', { runs: 'save' });
    expect(await first.ended).toBe(0);
    const second = child(library);
    const again = await second.ready;
    // Also where an engine crashes in the next session: it was paused by somebody.
    expect(await again.call('engine.recover', { reason: 'Ended by signal 9.' })).toBeNull();
    const paused = await again.call('runs.get', { run: 'asked' });
    expect(paused).toMatchObject({ state: 'paused', checkpoints: 1 });
    expect((await again.call('runs.resume', { run: 'asked' })).state).toMatch(/queued|running/);
    await until(async () => (await again.call('runs.get', { run: 'asked' })).state === 'finished');
    expect(await newestCheckpoint(join(library, 'runs', 'asked'))).toEqual(await newestCheckpoint(whole.folder));
    await again.call('engine.shutdown', { runs: 'discard' });
    expect(await second.ended).toBe(0);
  }, LONG);

  test('by a program that is gone saves too, and goes on by itself with the next one', async () => {
    const library = await libraryWithQueued('left');
    const first = child(library);
    const window = await first.ready;
    await until(async () => (await window.call('monitor.progress', { run: 'left' })).step > 3);
    first.child.disconnect();
    expect(await first.ended).toBe(0);
    expect(await readdir(join(library, 'runs', 'left', 'checkpoints'))).toHaveLength(1);
    const second = child(library);
    const again = await second.ready;
    await until(async () => (await again.call('monitor.progress', { run: 'left' })).stage === 'training');
    await again.call('engine.shutdown', { runs: 'discard' });
    expect(await second.ended).toBe(0);
  }, LONG);
});

interface Queue {
  jobs: { run: string; state: string; owner: string }[];
}

/** A command to its end, its lines of JSON. */
function command(...words: string[]): { lines: Record<string, unknown>[]; ended: Promise<{ status: number | null; text: string }> } {
  const lines: Record<string, unknown>[] = [];
  const started = spawn(process.execPath, [join(engine, 'main.js'), ...words], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: withCache(cache),
  });
  let text = '';
  let rest = '';
  started.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop()!;
    for (const part of parts) if (/^\{.*\}$/.test(part)) lines.push(JSON.parse(part) as Record<string, unknown>);
  });
  return { lines, ended: new Promise((resolve) => started.on('close', (status) => resolve({ status, text }))) };
}

test('the command line waits for the workbench on the same library, and is seen in its queue', async () => {
  const library = await libraryWithQueued('before');
  const workbench = child(library);
  const window = await workbench.ready;
  await until(async () => (await window.call('monitor.progress', { run: 'before' })).step > 2);
  await window.call('runs.pause', { run: 'before' });
  const options = { ...recipe, epochs: 2, data_path: undefined, output_dir: undefined };
  const flags = Object.entries(options).flatMap(([name, value]) => {
    const words = value === undefined ? [] : Array.isArray(value) ? value.map(String) : [String(value)];
    return words.length > 0 ? [`--${name}`, ...words] : [];
  });
  const out = join(library, 'runs', 'after');
  const train = command('train', manifest.root, '--out', out, '--preset', 'none', '--json', ...flags);
  await until(() => train.lines.find(({ event }) => event === 'waiting'));
  expect(train.lines.find(({ event }) => event === 'waiting')!.message).toMatch(/^The device is taken: before is paused/);
  const listed = JSON.parse((await command('queue', '--library', library, '--json').ended).text) as Queue;
  expect(listed.jobs).toMatchObject([
    { run: 'before', state: 'paused', owner: 'workbench' },
    { run: 'after', state: 'waiting', owner: 'command-line' },
  ]);
  const { jobs } = await window.call('queue.get', {});
  expect(jobs).toMatchObject([{ run: 'before' }, { run: 'after', owner: 'command-line' }]);
  await expect(window.call('queue.remove', { job: jobs[1]!.job })).rejects.toThrow('trained from the command line');
  expect(train.lines.filter(({ event }) => event === 'step')).toEqual([]);
  await window.call('runs.stop', { run: 'before', save: true });
  const seen = await until(async () => {
    const found = (await window.call('runs.list', {})).runs.find(({ run }) => run === 'after');
    return found?.state === 'running' && found;
  });
  expect(seen.foreign).toBe(true);
  await expect(window.call('runs.pause', { run: 'after' })).rejects.toThrow('by another process');
  expect((await train.ended).status).toBe(0);
  await until(async () => (await window.call('queue.get', {})).jobs.length === 0);
  expect((await window.call('runs.get', { run: 'after' })).state).toBe('finished');
  await window.call('engine.shutdown', { runs: 'discard' });
  await workbench.ended;
}, LONG);
