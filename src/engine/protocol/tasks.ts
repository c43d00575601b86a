/**
 * The queue of long jobs before the one device, and tasks: work in the background that needs no device for long (indexing,
 * duplicates, sample pictures, emptying the trash). Jobs run one at a time; tasks run beside them.
 */
import { z } from 'zod';
import { count, datasetId, done, nothing, runName, seconds, taskId, time } from './values';

export const task = z.object({
  task: taskId,
  kind: z.enum(['index', 'sample', 'duplicates', 'statistics', 'trash', 'checkpoints']),
  /** What goes on: "Reading field-guide". */
  title: z.string(),
  dataset: datasetId.nullable(),
  run: runName.nullable(),
  /** waiting, running, done and cancelled tasks leave the list 10 s after their end; failed ones once they are seen. */
  state: z.enum(['waiting', 'running', 'done', 'cancelled', 'failed']),
  done: count,
  /** Null while nobody knows (a folder still being listed). */
  total: count.nullable(),
  /** What is counted: "pictures", "files", "pairs". */
  unit: z.string(),
  /** Null while nobody knows. */
  secondsLeft: seconds.nullable(),
  cancellable: z.boolean(),
  /** Of a failed one: a sentence. */
  message: z.string().nullable(),
});
export type Task = z.infer<typeof task>;

export const job = z.object({
  job: count,
  kind: z.enum(['train']),
  run: runName,
  /** "ViT-S/16 on field-guide, epoch 62 of 100", "goes on from epoch 18 of 60". */
  detail: z.string(),
  /**
   * paused: keeps its place, and the device (`runs.pause`); one that was paused when the engine ended waits for `runs.resume` and
   * keeps nobody from the device meanwhile.
   */
  state: z.enum(['running', 'waiting', 'paused']),
  /** command-line: an `ibot train` on this library; it is shown, and can be neither moved nor removed here. */
  owner: z.enum(['workbench', 'command-line']),
  /** Share done, 0 … 1. */
  progress: z.number().min(0).max(1),
  /** Of computing that is left to it; null while nobody knows. */
  secondsLeft: seconds.nullable(),
  /** When it will begin, if what is before it keeps its time; null: unknown, or begun. */
  beginsAt: time.nullable(),
});
export type Job = z.infer<typeof job>;

export const queue = z.object({
  /** In their order; the running one is first. */
  jobs: z.array(job),
  /** Nothing new begins after the running one. */
  held: z.boolean(),
  /** When all are done; null: unknown, or none. */
  endsAt: time.nullable(),
  /** Name of the device; null: none. */
  device: z.string().nullable(),
});
export type Queue = z.infer<typeof queue>;

export const taskMethods = {
  /** Ends a task; what it did so far is kept, and the same work goes on from there when asked for again. Errors: not-found. */
  'tasks.cancel': { params: z.strictObject({ task: taskId }), result: done },

  /** As the topic `queue`. Fails never. */
  'queue.get': { params: nothing, result: queue },
  /** Puts a waiting job before another; `before: null`: last. Errors: not-found, user (running, or the command line's). */
  'queue.move': { params: z.strictObject({ job: count, before: count.nullable() }), result: queue },
  /**
   * Takes a waiting job out: a run that has not begun is gone with it, one that has becomes `stopped`. Errors: not-found, user
   * (it runs: `runs.stop`; or it is the command line's).
   */
  'queue.remove': { params: z.strictObject({ job: count }), result: queue },
  /** "Pause queue after this run", and its end. Fails never. */
  'queue.hold': { params: z.strictObject({ held: z.boolean() }), result: queue },
};

export const taskTopics = {
  /** The whole list, at most 4 times a second. */
  tasks: { key: null, value: z.object({ tasks: z.array(task) }) },
  /** The whole queue, at most once a second. */
  queue: { key: null, value: queue },
};
