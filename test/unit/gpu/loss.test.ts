/** A lost device is told as such, whatever was waited for. */
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
