/** A run in the foreground: its events shown, Ctrl-C heard, its end turned into an exit status. */
import { join } from 'node:path';
import { defaultCacheFolder } from '../gpu/driver-files';
import type { Turn } from '../jobs';
import { LAUNCHER, shellWord } from '../launcher';
import type { DoneEvent, RunEvent } from '../runs';
import { INTERRUPTED, listenForInterrupts } from './interrupts';
import { jsonView, screenView } from './run-view';
import type { Screen } from './screen';

export const PANELS_HELP = 'save small pictures of what the teacher sees, every so often, for the workbench';

export interface Session {
  /** Aborted by the first Ctrl-C: finish the step and save. */
  signal: AbortSignal;
  onEvent: (event: RunEvent) => void;
  /** Where kernel choices are kept: a run on the same device then begins with the same ones, at once. */
  kernelCache: string;
}

/**
 * @param turn its place in a library's queue, told how far it is
 * @param work runs or resumes the training; its end is the run's
 * Sets the exit status: 0 through, 130 stopped by Ctrl-C and saved, 1 stopped otherwise or failed.
 */
export async function carryOut(
  screen: Screen,
  json: boolean | undefined,
  folder: string,
  turn: Turn | undefined,
  work: (session: Session) => Promise<DoneEvent>,
): Promise<void> {
  const view = json ? jsonView((line) => process.stdout.write(line)) : screenView(screen);
  let steps = 1;
  const interrupts = listenForInterrupts(
    () => screen.say('Finishing the step and saving; Ctrl-C again stops at once.'),
    (status) => {
      // A checkpoint that is there is whole: they are written under another name first.
      const goOn = `${LAUNCHER} resume ${shellWord(folder)}`;
      screen.say(`Stopped at once, without saving. To go on from the last checkpoint, if there is one: ${goOn}`);
      process.exit(status);
    },
  );
  try {
    const done = await work({
      signal: interrupts.signal,
      onEvent: (event) => {
        view.event(event);
        if (event.event === 'start') ({ steps } = event);
        if (event.event === 'step') turn?.progress(event.step / steps, event.secondsLeft);
      },
      kernelCache: join(defaultCacheFolder(), 'kernels'),
    });
    if (done.state !== 'finished') process.exitCode = done.state === 'stopped' && interrupts.signal.aborted ? INTERRUPTED : 1;
  } finally {
    interrupts.release();
    screen.clear();
  }
}
