/** Ctrl-C: the first asks for an orderly end, a second one ends at once. A reader of our output that goes away asks for the first. */
import { UserError } from '../errors';

/** A launcher and a terminal may each hand on the same key press: what comes so soon after is no second one. */
const SAME_PRESS_MS = 500;

/** Exit status of a program that was interrupted: 128 + SIGINT. */
export const INTERRUPTED = 130;

export interface Interrupts {
  readonly signal: AbortSignal;
  /** Back to the system's own way. */
  release(): void;
}

/** What listens now. The output is the process's, as signals are. */
const listening = new Set<() => void>();

/**
 * Nobody reads our output any more (`… | tee`, which Ctrl-C ends with us; a terminal that was closed): what listens ends in order,
 * as after a first Ctrl-C; never at once, however often it is told.
 * @returns whether anything listens
 */
export function readerIsGone(): boolean {
  for (const end of listening) end();
  return listening.size > 0;
}

/**
 * Listens for SIGINT, SIGTERM and SIGHUP. `onFirst` can say what happens now; a second one exits with status 130. A hang-up is
 * nobody's second: a terminal that is closed tells it to every process, and they tell it to each other.
 */
export function listenForInterrupts(onFirst: () => void, exit: (status: number) => void = process.exit): Interrupts {
  const controller = new AbortController();
  let last = -Infinity;
  let pressed = false;
  const end = (): void => {
    if (controller.signal.aborted) return;
    controller.abort();
    onFirst();
  };
  const handle = (): void => {
    const now = performance.now();
    if (now - last < SAME_PRESS_MS) return;
    last = now;
    if (pressed) exit(INTERRUPTED);
    pressed = true;
    end();
  };
  const presses: NodeJS.Signals[] = ['SIGINT', 'SIGTERM'];
  for (const signal of presses) process.on(signal, handle);
  process.on('SIGHUP', end);
  listening.add(end);
  return {
    signal: controller.signal,
    release: () => {
      for (const signal of presses) process.off(signal, handle);
      process.off('SIGHUP', end);
      listening.delete(end);
    },
  };
}

/** Runs work that simply stops when interrupted. */
export async function interruptible(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const interrupts = listenForInterrupts(() => undefined);
  try {
    await work(interrupts.signal);
  } catch (error) {
    if (interrupts.signal.aborted && !(error instanceof UserError)) throw new UserError('Stopped.', INTERRUPTED);
    throw error;
  } finally {
    interrupts.release();
  }
}
