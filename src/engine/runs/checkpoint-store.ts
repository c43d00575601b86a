/** The checkpoints of a run: their names, which of them stay, and whether there is room for one more. */
import { readdir, rename, statfs, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UserError } from '../errors';
import { fileError } from '../formats';

export interface StoredCheckpoint {
  path: string;
  /** Steps done. */
  step: number;
}

const NAME = /^step-(\d{8,})\.safetensors$/;
const ASIDE = '.refused';

export const checkpointName = (step: number): string => `step-${String(step).padStart(8, '0')}.safetensors`;

/** Steps done, by the file's name; undefined for names of other files. */
export function checkpointStep(name: string): number | undefined {
  const match = NAME.exec(name);
  return match ? Number(match[1]) : undefined;
}

/** There is no room for a checkpoint. What is there stays as it is. */
class DiskFullError extends UserError {
  constructor(folder: string, needed: number, free: number) {
    super(
      `The disk of ${folder} has ${readableBytes(free)} left and a checkpoint needs ${readableBytes(needed)}: ` +
        'free some space, then continue the run (on the command line: ibot resume).',
    );
    this.name = 'DiskFullError';
  }
}

export const readableBytes = (bytes: number): string =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.max(0, Math.ceil(bytes / 1e6))} MB`;

/** Bytes that this user may still write to the disk of a folder. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** All complete checkpoints in the `checkpoints` folder of a run, newest first. */
export async function listCheckpoints(folder: string): Promise<StoredCheckpoint[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw fileError(error, folder);
  });
  return names
    .flatMap((name): StoredCheckpoint[] => {
      const step = checkpointStep(name);
      return step === undefined ? [] : [{ path: join(folder, name), step }];
    })
    .sort((a, b) => b.step - a.step);
}

export interface KeepOptions {
  /** The latest so many stay. */
  keep: number;
  /** Those at the end of every so many epochs stay for good; 0: none. */
  keepEvery: number;
  stepsPerEpoch: number;
}

export class CheckpointStore {
  constructor(
    readonly folder: string,
    private readonly options: KeepOptions,
    private readonly free: (folder: string) => Promise<number> = freeBytes,
  ) {}

  list(): Promise<StoredCheckpoint[]> {
    return listCheckpoints(this.folder);
  }

  path(step: number): string {
    return join(this.folder, checkpointName(step));
  }

  /** @throws DiskFullError where `bytes` and a little for the rest of the system do not fit */
  async requireSpace(bytes: number): Promise<void> {
    const needed = bytes + Math.max(16e6, bytes * 0.05);
    const free = await this.free(this.folder);
    if (free < needed) throw new DiskFullError(this.folder, needed, free);
  }

  isKeptForGood(step: number): boolean {
    const { keepEvery, stepsPerEpoch } = this.options;
    return keepEvery > 0 && step > 0 && step % (keepEvery * stepsPerEpoch) === 0;
  }

  /** Removes what need not stay. */
  async prune(): Promise<void> {
    const superseded = (await this.list()).slice(this.options.keep).filter(({ step }) => !this.isKeptForGood(step));
    for (const { path } of superseded) await unlink(path);
  }

  /** Takes a damaged file out of the way of those that will be written, but leaves it there to be looked at. */
  async setAside({ path }: StoredCheckpoint): Promise<void> {
    await rename(path, `${path}${ASIDE}`);
  }

  /** Whether damaged files were set aside earlier. */
  async hasAside(): Promise<boolean> {
    return (await readdir(this.folder)).some((name) => name.endsWith(ASIDE));
  }

  /** Removes what a killed process left half written. */
  async removePartial(): Promise<void> {
    for (const name of await readdir(this.folder)) {
      if (name.endsWith('.partial') && basename(name).startsWith('.step-')) await unlink(join(this.folder, name));
    }
  }
}
