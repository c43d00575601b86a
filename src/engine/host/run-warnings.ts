/** A run's warnings in plain words, with what to do. */
import { availableParallelism } from 'node:os';
import type { WarningAction } from '../protocol';
import { freeBytes, NonFiniteError, type RunEvent, type WarningCode } from '../runs';
import type { NewWarning, Warnings } from './host-context';
import type { LiveRun } from './live-run';

const TITLES: Record<WarningCode, string> = {
  'uniform-teacher': 'The teacher says nothing yet.',
  'one-output': 'The run is collapsing.',
  'falling-rank': 'Features are losing directions.',
  'batch-lowered': 'The batch was made smaller.',
  'few-steps': 'This is little time to learn.',
  'other-device': 'It goes on on another device.',
  'other-program': 'It goes on with another version of the program.',
  'checkpoint-refused': 'A checkpoint was damaged.',
  'bad-pictures': 'Pictures could not be read.',
  'touched-pictures': 'Pictures have changed since the run began.',
};

const NOTES: readonly WarningCode[] = ['batch-lowered', 'few-steps', 'other-device', 'other-program', 'touched-pictures'];
const COLLAPSES: readonly WarningCode[] = ['uniform-teacher', 'one-output', 'falling-rank'];

export function warningOf(
  { code, message }: Extract<RunEvent, { event: 'warning' }>,
  run: string,
  dataset: string | null,
): NewWarning {
  const actions: WarningAction[] = [{ kind: 'show-run', run }];
  if (COLLAPSES.includes(code)) actions.push({ kind: 'clone-run', run });
  if (code === 'bad-pictures' && dataset !== null) actions.push({ kind: 'show-problems', dataset });
  return { code, severity: NOTES.includes(code) ? 'note' : 'warning', title: TITLES[code], message, run, actions };
}

export const QUEUE_WAITS = 'queue-waits';

/** Runs wait, and there is no device to begin them on. */
export const queueWaits = (problem: string): NewWarning => ({
  code: QUEUE_WAITS,
  severity: 'error',
  title: 'The queue waits for a graphics device.',
  message:
    `${problem} The device is looked for again every half minute, and the runs that wait begin when it is there: see that it is ` +
    'connected and that its driver is installed, or choose another device in the settings.',
  actions: [{ kind: 'choose-device' }],
});

/** A run ended by itself, and not well. */
export function failureOf(error: unknown, run: string, canContinue: boolean): NewWarning {
  const message = error instanceof Error ? error.message : String(error);
  const actions: WarningAction[] = [{ kind: 'show-run', run }];
  if (canContinue) actions.push({ kind: 'continue-run', run });
  actions.push({ kind: 'clone-run', run });
  const isNonFinite = error instanceof NonFiniteError;
  return {
    code: isNonFinite ? 'not-finite' : 'run-failed',
    severity: 'error',
    title: isNonFinite ? 'Training met a value that is not finite, and stopped before it could do harm.' : `${run} stopped.`,
    message,
    ...(error instanceof Error && error.stack !== undefined && error.name !== 'UserError' ? { detail: error.stack } : {}),
    run,
    actions,
  };
}

/** Of the time, what waiting for pictures may take before it is told; and when it counts as over. */
const SLOW = 0.25;
const SLOW_OVER = 0.1;
const WATCHED_SECONDS = 60;

/** Whether the device waits for pictures. */
export function watchData(live: LiveRun, workers: number, warnings: Warnings): void {
  const { run, waitingForData: share, watchedSeconds } = live;
  if (share === null || watchedSeconds < WATCHED_SECONDS) return;
  if (share < SLOW_OVER) return warnings.over('slow-data', { run });
  if (share < SLOW) return;
  const cores = availableParallelism();
  const more = Math.min(cores, Math.max(workers + 1, workers * 2));
  const canTakeMore = more > workers;
  warnings.raise({
    code: 'slow-data',
    severity: 'warning',
    title: `The device waits for pictures ${Math.round(100 * share)}% of the time.`,
    message: canTakeMore
      ? `Reading and cropping them is what limits the speed: give it ${more} threads in place of ${workers}. The result stays the same.`
      : `Reading and cropping them takes all ${cores} cores: smaller picture files, or a faster disk, would help. The result stays the same.`,
    run,
    actions: canTakeMore ? [{ kind: 'set-workers', run, workers: more }] : [],
  });
}

/** Room for so many more checkpoints counts as enough. */
const CHECKPOINTS_AHEAD = 2;
const ROOM_FOR_THE_REST = 200e6;

/** Whether the disk will take the next checkpoints. */
export async function watchDisk(live: LiveRun, warnings: Warnings, free = freeBytes): Promise<void> {
  const { run, folder, checkpointBytes } = live;
  const needed = CHECKPOINTS_AHEAD * checkpointBytes + ROOM_FOR_THE_REST;
  const there = await free(folder).catch(() => undefined);
  if (there === undefined) return;
  if (there >= needed) return warnings.over('disk-nearly-full', { run });
  const decimal = (bytes: number): string => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`);
  warnings.raise({
    code: 'disk-nearly-full',
    severity: 'warning',
    title: `The disk has ${decimal(there)} left.`,
    message:
      `A checkpoint of this run takes ${decimal(checkpointBytes)}. When the next one does not fit, the run ends with the ` +
      'checkpoints that it has: free some space, for instance of older runs and the trash.',
    run,
    actions: [{ kind: 'free-space' }, { kind: 'show-run', run }],
  });
}
