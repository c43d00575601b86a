/** Runs: the list, control, what is written about them, comparing, the trash. */
import { z } from 'zod';
import { draft } from './recipes';
import {
  bytes,
  count,
  datasetId,
  done,
  filePath,
  float32Array,
  measured,
  nothing,
  optionValue,
  optionValues,
  pictureId,
  runName,
  seconds,
  text,
  time,
} from './values';

/**
 * queued: has not begun · running · paused: holds its place in the queue, nothing is computed · stopped: by hand, can go on ·
 * finished · failed: cannot go on by itself, `reason` says why · interrupted: its process ended without a word, can go on.
 */
export const runState = z.enum(['queued', 'running', 'paused', 'stopped', 'finished', 'failed', 'interrupted']);
export type RunState = z.infer<typeof runState>;

export const runSummary = z.object({
  run: runName,
  folder: z.string(),
  state: runState,
  /** Why it stopped, failed or was interrupted, in a sentence; null otherwise. */
  reason: z.string().nullable(),
  /** By the command line, in another process: it can be watched, not controlled. */
  foreign: z.boolean(),
  /** Null: the pictures are no dataset of this library. */
  dataset: datasetId.nullable(),
  datasetName: z.string(),
  /** "ViT-S/16". */
  model: z.string(),
  parameters: count,
  /** What sets it apart, short: "block masks, 8 local". */
  gist: z.string(),
  step: count,
  steps: count,
  /** Done, may be a fraction. */
  epoch: z.number().nonnegative(),
  epochs: z.number().positive(),
  created: time,
  /** Of training, in all its processes. */
  seconds: seconds,
  bytes: bytes,
  checkpoints: count,
  checkpointBytes: bytes,
  labels: z.boolean(),
  /** k-NN of the teacher in percent, k = 20 (10 where there are fewer pictures); null: not measured, or no labels. */
  knn: measured,
  bestKnn: measured,
  untrainedKnn: measured,
  /** View retrieval in percent: what stands in for k-NN without labels. */
  retrieval: measured,
  rank: measured,
  /** For the small curve: epochs and k-NN (view retrieval without labels) in percent; at most 64 points. */
  curve: z.object({ epochs: float32Array(), values: float32Array() }),
  loss: measured,
  tags: z.array(z.string()),
  note: z.string(),
});
export type RunSummary = z.infer<typeof runSummary>;

const score = z.object({ k10: measured, k20: measured, k100: measured, k200: measured });
/** In percent, rank in directions. */
export const networkScores = z.object({ knn: score.nullable(), retrieval: measured, rank: measured });

const wayOut = z.object({
  label: z.string(),
  /** What it costs and whether it is mostly enough, one sentence. */
  meaning: z.string(),
  /** continue: `runs.continue` · clone: a new run from `recipes.fromRun` with `changes` laid over. */
  action: z.enum(['continue', 'clone']),
  changes: optionValues,
});

export const runDetail = runSummary.extend({
  recipe: optionValues,
  /** Options other than the defaults. */
  changed: z.array(z.string()),
  program: z.string(),
  device: z.object({ name: z.string(), driver: z.string(), software: z.boolean() }),
  /** Continues here bit for bit: same device, driver and kernels. */
  sameDevice: z.boolean(),
  trainingPictures: count,
  heldOutPictures: count,
  classes: count,
  memoryBytes: bytes.nullable(),
  picturesPerSecond: measured,
  embedDim: count,
  /** What uniform guessing gives: ln(out_dim) weighted by lambda, in nats. */
  guessing: z.object({ loss: z.number(), cls: z.number(), patch: z.number() }),
  baselines: z.object({ untrained: networkScores, pixels: score.nullable() }).nullable(),
  saved: z.array(
    z.object({
      step: count,
      epoch: z.number(),
      at: time,
      bytes: bytes,
      /** Kept for good (`keep_every`), not only as one of the latest. */
      kept: z.boolean(),
      knn: measured,
    }),
  ),
  /** Pictures that could not be read during the run. */
  badPictures: z.array(z.object({ path: z.string(), reason: z.string(), step: count.nullable() })),
  failure: z
    .object({
      title: z.string(),
      message: z.string(),
      detail: z.string().nullable(),
      step: count,
      /** The last sound checkpoint; null: none. */
      checkpointStep: count.nullable(),
      /** Where it began: the first that was not finite, as diagnosis.json has it. */
      first: z.object({ op: z.string(), tensor: z.string() }).nullable(),
      parameter: z.string().nullable(),
      waysOut: z.array(wayOut),
    })
    .nullable(),
});
export type RunDetail = z.infer<typeof runDetail>;

const one = z.strictObject({ run: runName });
const many = z.strictObject({ runs: z.array(runName).min(1).max(1000) });
const tag = z.string().trim().min(1).max(40);

const trashed = z.object({
  /** What `trash.restore` takes; names may occur twice. */
  item: z.string(),
  run: z.string(),
  bytes: bytes,
  deleted: time,
  /** When it goes for good: 30 days later. */
  until: time,
});

export const runMethods = {
  /** All runs of the library, newest first; searching and sorting are the window's. Fails never. */
  'runs.list': { params: nothing, result: z.object({ runs: z.array(runSummary) }) },
  /** One in full. Errors: not-found. */
  'runs.get': { params: one, result: runDetail },
  /** Whether a run may be called so: null, or what is wrong, in a sentence. Fails never. */
  'runs.checkName': { params: z.strictObject({ name: text(200) }), result: z.object({ problem: z.string().nullable() }) },
  /**
   * Makes a run and queues it (it begins at once where the device is free). Errors: user (problems of the draft, name taken, no
   * room on the disk), not-found.
   */
  'runs.start': {
    params: z.strictObject({ name: runName, draft, tags: z.array(tag).max(50).optional(), note: text(20_000).optional() }),
    result: runSummary,
  },
  /**
   * Finishes the step, saves, keeps its place in the queue; the device goes to nobody else. Answers when it is saved. Errors:
   * not-found, user (not running, another process's).
   */
  'runs.pause': { params: one, result: runSummary },
  /** Goes on after `runs.pause`, from memory or from its checkpoint, bit for bit. Errors: not-found, user (not paused). */
  'runs.resume': { params: one, result: runSummary },
  /**
   * Ends it: `save` finishes the step and saves first; without it the checkpoints that are there stay. It can go on by
   * `runs.continue`. Errors: not-found, user.
   */
  'runs.stop': { params: z.strictObject({ run: runName, save: z.boolean() }), result: runSummary },
  /** Saves a checkpoint at the next step and goes on. Errors: not-found, user (not running, no room on the disk). */
  'runs.save': { params: one, result: z.object({ step: count, bytes: bytes, seconds: seconds }) },
  /**
   * Queues a stopped, interrupted or failed run to go on from its last checkpoint. Errors: not-found, user (no checkpoint,
   * finished, in use by another process).
   */
  'runs.continue': { params: one, result: runSummary },
  /**
   * Changes what may change in a running run without changing its result: threads that read pictures. Errors: not-found, user.
   */
  'runs.adjust': { params: z.strictObject({ run: runName, workers: z.number().int().min(1).max(256) }), result: runSummary },

  /** Errors: not-found, user (name taken, running). */
  'runs.rename': { params: z.strictObject({ run: runName, name: runName }), result: runSummary },
  /** Sets the tags of runs, or adds and takes away some. Errors: not-found. */
  'runs.tag': {
    params: z.strictObject({
      runs: z.array(runName).min(1).max(1000),
      add: z.array(tag).max(50).optional(),
      remove: z.array(tag).max(50).optional(),
    }),
    result: z.object({ runs: z.array(runSummary) }),
  },
  /** Errors: not-found. */
  'runs.setNote': { params: z.strictObject({ run: runName, note: text(20_000) }), result: runSummary },
  /** Takes a run folder from elsewhere (of the command line) into the list; it stays where it is. Errors: user (no run there). */
  'runs.add': { params: z.strictObject({ folder: filePath }), result: runSummary },
  /**
   * Deletes checkpoints, but the last one and those named in `keepSteps`: what "Free 3.5 GB…" does. With `dryRun` nothing is
   * deleted and only told. They do not go to the trash: ask first. Errors: not-found, user (running).
   */
  'runs.freeCheckpoints': {
    params: z.strictObject({ run: runName, keepSteps: z.array(count).max(10_000), dryRun: z.boolean() }),
    result: z.object({ checkpoints: count, bytes: bytes }),
  },

  /**
   * Moves runs to the library's trash; those from elsewhere only leave the list, their folders stay. `items`: one for each run, null for
   * those from elsewhere. Errors: not-found, user (running).
   */
  'runs.remove': { params: many, result: z.object({ items: z.array(z.string().nullable()) }) },
  /** Last deleted first. Fails never. */
  'trash.list': { params: nothing, result: z.object({ items: z.array(trashed) }) },
  /** Puts items back; a name that is taken meanwhile gets a number. Errors: not-found. */
  'trash.restore': {
    params: z.strictObject({ items: z.array(text(200)).min(1).max(1000) }),
    result: z.object({ runs: z.array(runSummary) }),
  },
  /** Deletes items for good; without `items` all. Ask first. Errors: not-found. */
  'trash.empty': { params: z.strictObject({ items: z.array(text(200)).max(1000).optional() }), result: done },

  /**
   * Options of runs beside each other, in the order of the form, and what has to be said where their curves are: `chart` is a
   * name of a series (monitor). Up to 32 runs. Errors: not-found.
   */
  'runs.compare': {
    params: z.strictObject({ runs: z.array(runName).min(1).max(32) }),
    result: z.object({
      options: z.array(
        z.object({
          name: z.string(),
          differs: z.boolean(),
          /** One per run; null: the run is from before the option. */
          values: z.array(optionValue.nullable()),
        }),
      ),
      /** "not comparable: teacher temperatures differ". */
      notes: z.array(z.object({ chart: z.string(), message: z.string() })),
      /** Pictures that all runs have in their panels: place in each run's panels (monitor.panels). */
      pictures: z.array(
        z.object({
          path: z.string(),
          /** Where it can be found; null: in no dataset of the library. */
          picture: z.object({ dataset: datasetId, picture: pictureId }).nullable(),
          places: z.array(count),
        }),
      ),
    }),
  },
};

export const runTopics = {
  /** `whole`: all runs, the first event; after it those that changed and the names that are gone. At most once a second. */
  runs: {
    key: null,
    value: z.object({ whole: z.boolean(), runs: z.array(runSummary), gone: z.array(z.string()) }),
  },
};
