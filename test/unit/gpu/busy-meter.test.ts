import { expect, test } from 'vitest';
import { BusyMeter, BusyShare } from '../../../src/engine/gpu';
import { testGpu } from '../../support/gpu';

test('work that overlaps counts once, and what is going on counts until now', () => {
  let now = 0;
  const clock = (): number => now;
  const meter = new BusyMeter(clock);
  const share = new BusyShare(clock);
  share.look(meter);
  expect(share.value).toBeNull();
  const [first, second] = [meter.begin(), (now = 10, meter.begin())];
  now = 30;
  first();
  first();
  now = 50;
  expect(meter.milliseconds).toBe(50);
  second();
  now = 200;
  expect(meter.milliseconds).toBe(50);
  share.look(meter);
  expect(share.value).toBe(0.25);
  meter.begin();
  now = 300;
  share.look(meter);
  expect(share.value).toBe(1);
  share.look(new BusyMeter(clock));
  expect(share.value).toBeNull();
});

test('reading a result back is work of the device', async () => {
  const gpu = await testGpu();
  const before = gpu.busy.milliseconds;
  const buffer = gpu.createBuffer(64, 'measured');
  await gpu.read(buffer, 0, 64);
  buffer.destroy();
  const after = gpu.busy.milliseconds;
  expect(after).toBeGreaterThan(before);
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(gpu.busy.milliseconds).toBe(after);
});
