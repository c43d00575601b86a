/** One device per test worker. */
import { Gpu } from '../../src/engine/gpu';

let opened: Promise<Gpu> | undefined;

export function testGpu(): Promise<Gpu> {
  opened ??= Gpu.open();
  return opened;
}
