/**
 * Kernel choices that were measured on a device, kept for its next runs: measuring takes seconds, and a run that begins
 * with the same choices has the same bits. One file per device and driver.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../formats';
import type { VariantTable } from '../graph';
import { kernelsOf, type DeviceRecord } from './run-record';

const schema = z.record(z.string(), z.string());

const fileFor = (folder: string, device: DeviceRecord): string => {
  const key = createHash('sha256').update(JSON.stringify(Object.entries(device).sort())).digest('hex').slice(0, 16);
  return join(folder, `kernels-${key}.json`);
};

/** Choices for this device; none where the file is missing or cannot be used. */
export async function readKernelCache(folder: string, device: DeviceRecord): Promise<VariantTable> {
  try {
    return new Map(Object.entries(schema.parse(JSON.parse(await readFile(fileFor(folder, device), 'utf8')))));
  } catch {
    return new Map();
  }
}

/** Adds choices to those that are kept; what is known stays. A cache that cannot be written is done without. */
export async function addToKernelCache(folder: string, device: DeviceRecord, table: VariantTable): Promise<void> {
  const file = fileFor(folder, device);
  const known = await readKernelCache(folder, device);
  if ([...table.keys()].every((key) => known.has(key))) return;
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFileAtomic(file, `${JSON.stringify(kernelsOf(new Map([...table, ...known])), null, 2)}\n`);
  } catch {
    // The next run measures again.
  }
}
