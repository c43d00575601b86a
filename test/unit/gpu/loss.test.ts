/** What goes wrong on a device is told by whatever waits for it next: a loss, or an error that nobody caught. */
import { expect, test } from 'vitest';
import { Gpu, GpuLostError } from '../../../src/engine/gpu';

test('waiting on a destroyed device throws GpuLostError, for work and for readbacks', async () => {
  for (const kind of ['work', 'readback'] as const) {
    const gpu = await Gpu.open();
    const buffer = gpu.createBuffer(64, 'x');
    gpu.device.destroy();
    const waiting = kind === 'work' ? gpu.idle() : gpu.read(buffer, 0, 64);
    await expect(waiting).rejects.toBeInstanceOf(GpuLostError);
    expect(() => gpu.check()).toThrow(GpuLostError);
  }
});

test('an error that the device reports by itself is thrown once, by the next wait, with its kind', async () => {
  const gpu = await Gpu.open();
  gpu.device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE });
  await expect(gpu.idle()).rejects.toMatchObject({ name: 'GpuError', kind: 'validation' });
  await gpu.idle();
  gpu.close();
});
