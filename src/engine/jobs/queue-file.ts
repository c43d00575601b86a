/**
 * The queue on disk: one small file of the library, which every process that works in it reads and changes. A lock file keeps
 * changes apart; it is held for milliseconds.
 */
import { readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { UserError } from '../errors';
import { fileError, writeFileAtomic } from '../formats';
import { holderSchema, isAlive, ownHolder, removeStaleLock } from '../runs';

const storedJob = z.object({
  job: z.number().int().nonnegative(),
  kind: z.enum(['train']),
  run: z.string(),
  folder: z.string(),
  detail: z.string(),
  owner: z.enum(['workbench', 'command-line']),
  state: z.enum(['running', 'waiting', 'paused']),
  /** The process that carries it out, or waits at the command line; null: nobody yet. */
  holder: holderSchema.nullable(),
  /** When its holder last said that it lives, milliseconds since 1970. */
  beat: z.number(),
  progress: z.number().min(0).max(1),
  secondsLeft: z.number().nonnegative().nullable(),
  /** Step that it went on from last, and how often it did from there: one that ends the process each time is given up. */
  lastFrom: z.number().int().nonnegative(),
  attempts: z.number().int().nonnegative(),
});
export type StoredJob = z.infer<typeof storedJob>;

const storedQueue = z.object({
  format: z.literal('ibot-workbench queue'),
  version: z.literal(1),
  next: z.number().int().positive(),
  held: z.boolean(),
  jobs: z.array(storedJob),
});
export type StoredQueue = z.infer<typeof storedQueue>;

const emptyQueue = (): StoredQueue => ({ format: 'ibot-workbench queue', version: 1, next: 1, held: false, jobs: [] });

/** A lock this old belongs to nobody: changing the queue takes milliseconds. */
const STALE_LOCK_MS = 20_000;
const MOST_WAIT_MS = 30_000;
/** Holders on other machines count as gone after so long without a beat. */
const SILENT_MS = 120_000;

/** Whether somebody carries the job out, or waits for its turn. */
export function isHeld(job: StoredJob, now = Date.now()): boolean {
  if (!job.holder || !isAlive(job.holder)) return false;
  return job.holder.host === ownHolder().host || now - job.beat < SILENT_MS;
}

/** Whether this process carries it out. */
export const isOurs = (job: StoredJob): boolean => job.holder?.pid === process.pid && isHeld(job);

export class QueueFile {
  private readonly lockFile: string;
  /** Changes by this process, one after another. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(readonly path: string) {
    this.lockFile = `${path}.lock`;
  }

  /** As it stands; one that is no queue counts as empty. @throws UserError where the file is there and cannot be read */
  async read(): Promise<StoredQueue> {
    return parsed(await this.text()) ?? emptyQueue();
  }

  private async text(): Promise<string | undefined> {
    try {
      return await readFile(this.path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw fileError(error, this.path);
    }
  }

  /** Time of the last change, milliseconds; 0: there is none. */
  async changedAt(): Promise<number> {
    return (await stat(this.path).catch(() => undefined))?.mtimeMs ?? 0;
  }

  /**
   * Reads, lets `change` work on it, and writes it back if anything is different; no other process gets in between. What `change`
   * waits for should be short, and must not change the queue itself.
   */
  change<T>(change: (queue: StoredQueue) => T | Promise<T>): Promise<T> {
    const turn = this.last.then(() => this.changeNow(change));
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async changeNow<T>(change: (queue: StoredQueue) => T | Promise<T>): Promise<T> {
    await this.lock();
    try {
      const text = await this.text();
      const known = parsed(text);
      // Of a later version, or damaged: for somebody to look at.
      if (text !== undefined && !known) await writeFileAtomic(`${this.path}.unreadable`, text);
      const queue = known ?? emptyQueue();
      // Jobs of the command line end with their process.
      queue.jobs = queue.jobs.filter((job) => job.owner === 'workbench' || isHeld(job));
      const before = JSON.stringify(queue);
      const result = await change(queue);
      if (JSON.stringify(queue) !== before) await writeFileAtomic(this.path, `${JSON.stringify(queue, null, 2)}\n`);
      return result;
    } finally {
      await unlink(this.lockFile).catch(() => undefined);
    }
  }

  private async lock(): Promise<void> {
    const start = Date.now();
    const text = JSON.stringify(ownHolder());
    for (;;) {
      try {
        await writeFile(this.lockFile, text, { flag: 'wx' });
        return;
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) {
          // Made, but on a full disk there was no room to fill it.
          if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') await unlink(this.lockFile).catch(() => undefined);
          throw fileError(error, this.lockFile);
        }
      }
      const stale = await this.staleLock();
      if (stale !== undefined) await removeStaleLock(this.lockFile, stale);
      else if (Date.now() - start > MOST_WAIT_MS) {
        throw new UserError(`The queue of this library cannot be changed: remove ${this.lockFile} if no program is working in it.`);
      } else await sleep(5 + Math.random() * 20);
    }
  }

  /** The text of a lock that nobody holds any more; undefined while somebody does. */
  private async staleLock(): Promise<string | undefined> {
    const [text, state] = await Promise.all([
      readFile(this.lockFile, 'utf8').catch(() => undefined),
      stat(this.lockFile).catch(() => undefined),
    ]);
    if (text === undefined || !state) return undefined;
    if (Date.now() - state.mtimeMs > STALE_LOCK_MS) return text;
    try {
      return isAlive(holderSchema.parse(JSON.parse(text))) ? undefined : text;
    } catch {
      // Its writer is between making and filling it.
      return undefined;
    }
  }
}

function parsed(text: string | undefined): StoredQueue | undefined {
  try {
    return text === undefined ? undefined : storedQueue.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
