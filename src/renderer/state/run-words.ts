/** Runs in words. */
import type { RunState, RunSummary } from '../../engine/protocol';
import { number } from './words';

export const stateWords: Record<RunState, string> = {
  queued: 'Waits',
  running: 'Running',
  paused: 'Paused',
  stopped: 'Stopped',
  finished: 'Done',
  failed: 'Failed',
  interrupted: 'Interrupted',
};

export const stateTones = {
  queued: 'plain',
  running: 'acc',
  paused: 'plain',
  stopped: 'plain',
  finished: 'good',
  failed: 'bad',
  interrupted: 'warn',
} as const satisfies Record<RunState, string>;

/** What tells most about how well it learns: k-NN, without labels view retrieval. */
export function score({ knn, retrieval, labels }: RunSummary): { value: string; name: string } | undefined {
  if (labels && knn !== null) return { value: `${number(knn, 1)}%`, name: 'k-NN' };
  return retrieval === null ? undefined : { value: `${number(retrieval, 1)}%`, name: 'view retrieval' };
}

/** "62 of 100". */
export const epochOf = ({ epoch, epochs }: RunSummary): string => {
  const show = (value: number) => number(value, Number.isInteger(value) || epochs >= 20 ? 0 : 1);
  return `${show(epoch)} of ${show(epochs)}`;
};
