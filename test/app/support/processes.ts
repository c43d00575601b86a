/** Processes by Linux's own table. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

interface Listed {
  pid: number;
  parent: number;
  state: string;
  /** Clock ticks: tells a process from a later one with its number. */
  startedAt: string;
  /** How it was started. */
  words: string;
}

/** Undefined for one that is gone; zombies, which nobody asked about yet, are. */
function look(pid: number): Listed | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in brackets, may hold spaces.
    const [state, parent, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').slice(0, 1000);
    return state === 'Z' ? undefined : { pid, parent: Number(parent), state: state!, startedAt: rest[17]!, words };
  } catch {
    return undefined;
  }
}

const list = (): Listed[] => readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (look(Number(name)) ?? []) : []));

/** The engine's process: the child of what supervises it that runs the host. */
export function engineOf(supervisor: number): number {
  const engine = list().find(({ parent, words }) => parent === supervisor && words.includes(join('engine', 'host.js')));
  if (!engine) throw new Error('there is no engine now');
  return engine.pid;
}

/** A process and all that come from it: for main these are Chromium's helpers and the engine. */
export function familyOf(pid: number): Listed[] {
  const all = list();
  const family = all.filter((each) => each.pid === pid);
  for (const each of family) family.push(...all.filter(({ parent }) => parent === each.pid));
  return family;
}

/** Until none of them is left. */
export async function allGone(family: readonly Listed[], timeout = 60_000): Promise<void> {
  expect(family.length).toBeGreaterThan(1);
  const left = () => family.filter(({ pid, startedAt }) => look(pid)?.startedAt === startedAt);
  await expect.poll(left, { timeout, interval: 100 }).toEqual([]);
}
