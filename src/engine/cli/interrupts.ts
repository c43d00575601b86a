/** Ctrl-C: the first asks for an orderly end, a second one ends at once. */
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

/** Listens for SIGINT, SIGTERM and SIGHUP. `onFirst` can say what happens now; a second one exits with status 130. */
export function listenForInterrupts(onFirst: () => void, exit: (status: number) => void = process.exit): Interrupts {
  const controller = new AbortController();
  let last = -Infinity;
  const handle = (): void => {
    const now = performance.now();
    const again = controller.signal.aborted;
    if (now - last < SAME_PRESS_MS) return;
    last = now;
    if (again) exit(INTERRUPTED);
    else {
      controller.abort();
      onFirst();
    }
  };
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, handle);
  return {
    signal: controller.signal,
    release: () => {
      for (const signal of signals) process.off(signal, handle);
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
