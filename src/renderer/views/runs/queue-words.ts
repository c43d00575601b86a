/** The queue in words, and moving within it. */
import type { Job } from '../../../engine/protocol';
import { clock, duration } from '../../state/words';

const dayMs = 86_400_000;

/** "18:31", "18:31 tomorrow", "18:31 on Friday", "18:31 on 5 Dec". */
export function dayAndClock(time: number, now = Date.now()): string {
  const date = new Date(time);
  const at = clock(time);
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  const days = Math.round((new Date(time).setHours(0, 0, 0, 0) - midnight) / dayMs);
  if (days === 0) return at;
  if (days === 1) return `${at} tomorrow`;
  if (days > 1 && days < 7) return `${at} on ${date.toLocaleDateString('en-GB', { weekday: 'long' })}`;
  return `${at} on ${date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })}`;
}

type Waiting = Pick<Job, 'state' | 'secondsLeft' | 'beginsAt'>;

/**
 * What is known of a job's time: "3 h 27 min left", "begins about 18:31, takes 24 min".
 * @param held nothing new begins now
 */
export function timeWords({ state, secondsLeft, beginsAt }: Waiting, held: boolean, now = Date.now()): string {
  if (state === 'running') return secondsLeft === null ? 'has just begun' : `${duration(secondsLeft)} left`;
  if (state === 'paused') return secondsLeft === null ? 'paused' : `paused, ${duration(secondsLeft)} left`;
  const takes = secondsLeft === null ? '' : `, takes ${duration(secondsLeft)}`;
  if (held) return `begins when the queue goes on${takes}`;
  if (beginsAt === null) return `begins after what is before it${takes}`;
  return beginsAt - now < 15_000 ? `begins now${takes}` : `begins about ${dayAndClock(beginsAt, now)}${takes}`;
}

type Placed = Pick<Job, 'job' | 'state' | 'owner'>;

export const isMovable = ({ state, owner }: Placed): boolean => state === 'waiting' && owner === 'workbench';

/**
 * Before which job one has to be put to come to a place of the list; null: last. Undefined: it is there already, or it cannot be there,
 * since what runs stays first.
 */
export function beforeAt(jobs: readonly Placed[], job: number, place: number): number | null | undefined {
  const from = jobs.findIndex((each) => each.job === job);
  if (from < 0 || !isMovable(jobs[from]!)) return undefined;
  const first = jobs.findIndex(isMovable);
  const to = Math.min(jobs.length - 1, Math.max(first, place));
  if (to === from) return undefined;
  const rest = jobs.filter((each) => each.job !== job);
  return rest[to]?.job ?? null;
}
