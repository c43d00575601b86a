/**
 * One process at a time works in a run folder, one engine in a library. The lock is a file that names its holder; one whose
 * process is gone is taken over.
 */
import { readFileSync } from 'node:fs';
import { readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors';
import { fileError } from '../formats';

export const holderSchema = z.object({
  pid: z.number().int().positive(),
  host: z.string(),
  /** When the process started, in the system's own words; tells a process from a later one of the same number. */
  processStart: z.string().nullable(),
  since: z.string(),
});
export type Holder = z.infer<typeof holderSchema>;

/** This process, as it stands in locks. */
export const ownHolder = (): Holder => ({
  pid: process.pid,
  host: hostname(),
  processStart: startOfProcess(process.pid),
  since: new Date().toISOString(),
});

/** The process that works in a run's folder now; undefined where none does. */
export async function holderOf(folder: string): Promise<Holder | undefined> {
  const holder = parseHolder(await readFile(join(folder, 'lock'), 'utf8').catch(() => ''));
  return holder && isAlive(holder) ? holder : undefined;
}

export interface Lock {
  release(): Promise<void>;
}

/** @throws UserError while another process works in the folder. */
export async function lockRun(folder: string): Promise<Lock> {
  const file = join(folder, 'lock');
  try {
    return await takeLock(file, ({ pid, host, since }) => {
      const elsewhere = host === hostname() ? '' : ` on ${host}`;
      return (
        `Process ${pid}${elsewhere} is working in ${folder} since ${since}: stop it first` +
        (elsewhere ? ', or remove the file lock there if it is gone.' : '.')
      );
    });
  } catch (error) {
    throw fileError(error, file);
  }
}

/**
 * Makes a lock file that names this process.
 * @param inUse what to say of the process that holds it now
 * @throws UserError with those words, and what the system says where the file cannot be written
 */
export async function takeLock(file: string, inUse: (holder: Holder) => string): Promise<Lock> {
  const text = `${JSON.stringify(ownHolder())}\n`;
  for (let attempt = 0; ; attempt++) {
    try {
      await writeFile(file, text, { flag: 'wx' });
      break;
    } catch (error) {
      if (!isCode(error, 'EEXIST') || attempt === 3) throw error;
      await removeIfStale(file, inUse);
    }
  }
  return {
    async release() {
      const held = await readFile(file, 'utf8').catch(() => '');
      if (held === text) await unlink(file).catch(() => undefined);
    },
  };
}

async function removeIfStale(file: string, inUse: (holder: Holder) => string): Promise<void> {
  let text = await readFile(file, 'utf8').catch(() => '');
  if (!parseHolder(text)) {
    // Its writer may be between making and filling it.
    await new Promise((resolve) => setTimeout(resolve, 200));
    text = await readFile(file, 'utf8').catch(() => '');
  }
  const holder = parseHolder(text);
  if (holder && isAlive(holder)) throw new UserError(inUse(holder));
  await removeStaleLock(file, text);
}

/** Takes away a lock that has this text. Two processes may see the same one: whose rename meets another text puts it back. */
export async function removeStaleLock(file: string, text: string): Promise<void> {
  const aside = `${file}.${process.pid}.stale`;
  try {
    await rename(file, aside);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return;
    throw fileError(error, file);
  }
  const moved = await readFile(aside, 'utf8');
  if (moved !== text) await writeFile(file, moved, { flag: 'wx' }).catch(() => undefined);
  await unlink(aside);
}

function parseHolder(text: string): Holder | undefined {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Whether the holder still runs; one on another machine is taken to. */
export function isAlive({ pid, host, processStart }: Holder): boolean {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return isCode(error, 'EPERM');
  }
  return processStart === null || processStart === startOfProcess(pid);
}

/** Clock ticks between boot and the start of a process (proc(5), stat, field 22), with the boot; null where unknown. */
function startOfProcess(pid: number): string | null {
  if (process.platform !== 'linux') return null;
  try {
    // The name, in brackets, may hold spaces.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = fields[19];
    // Dead, and nobody asked yet how it ended.
    if (fields[0] === 'Z') return null;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${ticks}`;
  } catch {
    return null;
  }
}

const isCode = (error: unknown, code: string): boolean => error instanceof Error && 'code' in error && error.code === code;
