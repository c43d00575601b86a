/** Runs of a library take turns before its one device: a command waits for those before it, and is seen in the queue. */
import { basename } from 'node:path';
import { libraryOfRun, waitForTurn, type Turn } from '../jobs';
import { INTERRUPTED, listenForInterrupts } from './interrupts';
import type { Screen } from './screen';

export interface TurnOfRun {
  folder: string;
  /** What it is, for those who look at the queue. */
  detail: string;
  json: boolean | undefined;
}

/**
 * Does the work when the device is free; a run outside a library is nobody's concern and begins at once. Interrupted while it
 * waits, it gives up its place.
 */
export async function inTurn(
  screen: Screen,
  { folder, detail, json }: TurnOfRun,
  work: (turn: Turn | undefined) => Promise<void>,
): Promise<void> {
  const library = await libraryOfRun(folder);
  if (!library) return work(undefined);
  const interrupts = listenForInterrupts(() => undefined);
  let turn: Turn | undefined;
  try {
    turn = await waitForTurn(library, {
      run: basename(folder),
      folder,
      detail,
      signal: interrupts.signal,
      onWait: (message) => {
        if (json) process.stdout.write(`${JSON.stringify({ event: 'waiting', message })}\n`);
        else screen.say(message);
      },
    });
  } finally {
    interrupts.release();
  }
  if (!turn) {
    process.exitCode = INTERRUPTED;
    return;
  }
  try {
    await work(turn);
  } finally {
    await turn.end();
  }
}
