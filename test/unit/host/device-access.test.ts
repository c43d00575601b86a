import { afterAll, expect, test, vi } from 'vitest';
import { HostDevice } from '../../../src/engine/host/device-access';
import { DEFAULT_SETTINGS } from '../../../src/engine/host/settings';
import { WarningList } from '../../../src/engine/host/warning-list';
import { temporaryFolder } from '../../support/temporary-folder';
import { until } from './tiny-host';

const settings = { current: DEFAULT_SETTINGS };
const warnings = new WarningList(() => undefined);
const device = new HostDevice(temporaryFolder(), settings, warnings);
afterAll(() => device.close());

test('memory follows the settings at once', async () => {
  const { forRunsBytes, keptBytes } = await device.memory();
  settings.current = { ...DEFAULT_SETTINGS, deviceMemoryBytes: 3 * 2 ** 30 };
  expect(await device.memory()).toMatchObject({ totalBytes: 3 * 2 ** 30, forRunsBytes: 3 * 2 ** 30 - keptBytes, source: 'the setting' });
  settings.current = DEFAULT_SETTINGS;
  expect(await device.memory()).toMatchObject({ forRunsBytes, keptBytes });
});

test('a device that was chosen is opened once it is applied, and not again for the same one', async () => {
  const first = await device.open();
  settings.current = { ...DEFAULT_SETTINGS, device: device.current!.adapter.name };
  device.applyChoice();
  expect(device.current!.gpu).toBe(first);
  settings.current = { ...DEFAULT_SETTINGS, device: 'another one' };
  expect(await device.open()).toBe(first);
  device.applyChoice();
  const second = await device.open();
  expect(second).not.toBe(first);
  expect(warnings.list).toMatchObject([{ code: 'device-gone', over: false }]);
  device.applyChoice();
  expect(device.current!.gpu).toBe(second);
});

/** As a driver does that is reset. */
async function lose(): Promise<void> {
  const { gpu } = device.current!;
  gpu.device.destroy();
  await gpu.lost;
}

test('a loss is over as soon as somebody opens the device again', async () => {
  await lose();
  expect(device.lost).toBe(true);
  expect(warnings.list).toContainEqual(expect.objectContaining({ code: 'device-lost', over: false }));
  await device.open();
  expect(device.lost).toBe(false);
  expect(warnings.list).toContainEqual(expect.objectContaining({ code: 'device-lost', over: true }));
});

test('a device that does not come back is no longer said to be on its way, and is taken when it does', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const list = vi.spyOn(device, 'list').mockResolvedValue([]);
  await lose();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(device.lost).toBe(true);
  await vi.advanceTimersByTimeAsync(1000);
  expect(device.lost).toBe(false);
  expect(device.problem).toMatch(/^No graphics device/);
  list.mockRestore();
  await vi.advanceTimersByTimeAsync(30_000);
  vi.useRealTimers();
  await until(() => device.current);
  expect(device.problem).toBeUndefined();
});
