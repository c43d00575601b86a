import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../../errors';
import type { SampleKey } from './compose';
import { sampleFile } from './file';
import { sampleClasses } from './objects';

export interface SampleOptions {
  /** Where the set goes: a folder that does not exist yet, or is empty. */
  folder: string;
  /** Pictures in all, dealt out to the classes in turn (default 4000). */
  count?: number;
  /** Unsigned 32-bit (default 0). */
  seed?: number;
  /** Middle of the sides in pixels (default 128). */
  size?: number;
  onProgress?: (done: number, count: number) => void;
  signal?: AbortSignal;
  /** Draws a picture's file elsewhere than in this thread. */
  draw?: typeof sampleFile;
}

export interface SampleResult {
  folder: string;
  count: number;
  /** Names of the class folders that hold pictures. */
  classes: string[];
}

/** Pictures being drawn, encoded and written at a time. */
const IN_FLIGHT = 4;

/**
 * Draws a labelled folder of pictures: `<folder>/<class>/<class>-<number>.jpg`. The same seed and size give the same
 * pictures, byte for byte with the same version of the JPEG encoder, and a larger count only adds to them. The set
 * is written under a temporary name beside `folder` and renamed at the end; an abort or a failure leaves nothing behind.
 *
 * @throws UserError on impossible numbers, a folder that already holds something, or one that cannot be written.
 * @throws the signal's reason when aborted.
 */
export async function makeSample(options: SampleOptions): Promise<SampleResult> {
  const { count = 4000, seed = 0, size = 128, signal } = options;
  requireWhole('number of sample pictures', count, 1, 1_000_000);
  requireWhole('seed', seed, 0, 0xffffffff);
  requireWhole('size of sample pictures', size, 16, 2048);
  const folder = resolve(options.folder);
  const draft = join(dirname(folder), `.${basename(folder)}.partial-${process.pid}`);
  const classes = sampleClasses.slice(0, count).map((kind) => kind.name);
  await requireFree(folder);
  try {
    signal?.throwIfAborted();
    for (const name of classes) await mkdir(join(draft, name), { recursive: true });
    await writeAll(draft, { ...options, count, seed, size });
    await rmdir(folder).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error;
    });
    await rename(draft, folder);
  } catch (error) {
    // What went wrong first is what matters: a draft that cannot be removed could not be made either.
    await rm(draft, { recursive: true, force: true }).catch(() => undefined);
    if (error instanceof UserError || codeOf(error) === undefined) throw error;
    throw new UserError(`Cannot write the sample pictures to ${folder} (${codeOf(error)}): choose another folder.`);
  }
  return { folder, count, classes };
}

async function writeAll(
  draft: string,
  { count, seed, size, onProgress, signal, draw = sampleFile }: SampleOptions & { count: number; seed: number; size: number },
): Promise<void> {
  const pending = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;
  let done = 0;
  try {
    for (let i = 0; i < count && !failure; i++) {
      signal?.throwIfAborted();
      const classIndex = i % sampleClasses.length;
      const pictureIndex = Math.floor(i / sampleClasses.length);
      const key = { seed, classIndex, pictureIndex };
      const task = draw(key, size)
        .then((jpeg) => writeFile(fileOf(draft, key), jpeg))
        .then(() => onProgress?.(++done, count))
        .catch((error: unknown) => void (failure ??= { error }))
        .finally(() => pending.delete(task));
      pending.add(task);
      while (pending.size >= IN_FLIGHT) await Promise.race(pending);
    }
  } finally {
    await Promise.all(pending);
  }
  if (failure) throw failure.error;
  signal?.throwIfAborted();
}

function fileOf(draft: string, { classIndex, pictureIndex }: SampleKey): string {
  const { name } = sampleClasses[classIndex]!;
  return join(draft, name, `${name}-${String(pictureIndex + 1).padStart(4, '0')}.jpg`);
}

/** Passes if nothing is there yet, or an empty folder. */
async function requireFree(folder: string): Promise<void> {
  let held: string[];
  try {
    held = await readdir(folder);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return;
    if (code === 'ENOTDIR') {
      throw new UserError(`${folder} is not a folder: choose another name for the sample pictures.`);
    }
    if (code !== undefined) throw new UserError(`Cannot read ${folder} (${code}): choose another folder for the pictures.`);
    throw error;
  }
  if (held.length > 0) throw new UserError(`${folder} is not empty: choose a new or empty folder for the sample pictures.`);
}

function requireWhole(what: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new UserError(`The ${what} must be a whole number from ${least} to ${most}, not ${value}.`);
  }
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
