/** What becomes of runs while there is no device: one that was lost, and one that was never there. */
import { rename } from 'node:fs/promises';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { Manifest } from '../../../src/engine/data';
import { HostDevice } from '../../../src/engine/host/device-access';
import { tinyManifest, tinyRecipe } from '../runs/tiny-run';
import { draft, openTinyHost, until, type TinyHost } from './tiny-host';

const recipe = tinyRecipe({ epochs: 6, knn_every: 0 });
let manifest: Manifest;
beforeAll(async () => {
  manifest = await tinyManifest();
});
afterEach(() => vi.restoreAllMocks());

const queueOf = async ({ window }: TinyHost): Promise<[string, string][]> =>
  (await window.call('queue.get', {})).jobs.map(({ run, state }) => [run, state]);

test('a run that loses the device goes on before all others when it is back, and never counts as failed', async () => {
  const tiny = await openTinyHost(manifest, recipe);
  const { host, window } = tiny;
  const told: string[] = [];
  window.subscribe('runs', undefined, ({ runs }) => told.push(...runs.map(({ run, state }) => `${run} ${state}`)));
  for (const name of ['loses', 'next']) await window.call('runs.start', { name, draft });
  await until(async () => (await window.call('monitor.progress', { run: 'loses' })).step > 0);
  const device = host.context.device as HostDevice;
  const list = vi.spyOn(device, 'list').mockResolvedValue([]);
  device.current!.gpu.device.destroy();
  await until(async () => list.mock.calls.length > 0 && (await queueOf(tiny))[0]![1] === 'waiting');
  expect(await queueOf(tiny)).toEqual([['loses', 'waiting'], ['next', 'waiting']]);
  expect((await window.call('runs.get', { run: 'loses' })).state).toBe('queued');
  list.mockRestore();
  await until(() => told.includes('next running'));
  expect((await window.call('runs.get', { run: 'loses' })).state).toBe('finished');
  expect(told).not.toContain('loses failed');
  expect((await window.present('warnings')).warnings).toContainEqual(expect.objectContaining({ code: 'device-lost', over: true }));
  await host.close('discard');
});

test('without a device the queue waits and says why, and goes on when somebody says so', async () => {
  const { host: before, window: held, library } = await openTinyHost(manifest, recipe);
  await held.call('queue.hold', { held: true });
  for (const name of ['first', 'second']) await held.call('runs.start', { name, draft });
  await before.close('leave');
  const list = vi.spyOn(HostDevice.prototype, 'list').mockResolvedValue([]);
  const tiny = await openTinyHost(manifest, recipe, { library });
  const { host, window } = tiny;
  await window.call('queue.hold', { held: false });
  const warningOf = async () => (await window.present('warnings')).warnings.find(({ code }) => code === 'queue-waits');
  const warning = await until(warningOf);
  expect(warning).toMatchObject({ severity: 'error', over: false, actions: [{ kind: 'choose-device' }] });
  expect(warning.message).toMatch(/^No graphics device that WebGPU can use was found/);
  expect(host.status.state).toBe('no-device');
  const { jobs, endsAt } = await window.call('queue.get', {});
  expect(jobs).toMatchObject(['first', 'second'].map((run) => ({ run, state: 'waiting', beginsAt: null })));
  expect(endsAt).toBeNull();
  list.mockRestore();
  await window.call('queue.hold', { held: false });
  await until(async () => (await queueOf(tiny)).some(([run, state]) => run === 'first' && state === 'running'));
  expect(await warningOf()).toMatchObject({ over: true });
  await host.close('discard');
});

test('a run that could not even begin says why', async () => {
  const pictures = await tinyManifest();
  const { host, window } = await openTinyHost(pictures, recipe);
  await window.call('queue.hold', { held: true });
  await window.call('runs.start', { name: 'early', draft });
  await rename(pictures.root, `${pictures.root}-elsewhere`);
  await window.call('queue.hold', { held: false });
  await until(async () => (await window.call('queue.get', {})).jobs.length === 0);
  const { state, reason, failure } = await window.call('runs.get', { run: 'early' });
  expect(state).toBe('failed');
  expect(reason).toContain(pictures.root);
  expect(failure).toMatchObject({ message: reason, waysOut: [{ action: 'continue' }] });
  await host.close('discard');
});
