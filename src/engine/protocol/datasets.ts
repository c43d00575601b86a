/** Datasets: a folder of pictures read where it is, with labels, a split, and what is left out. Files are never touched. */
import { z } from 'zod';
import { bytes, count, datasetId, done, filePath, pictureIds, seconds, taskId, text, time } from './values';

export const datasetName = z.string().trim().min(1).max(80);

/** Where classes come from. Columns of a table other than path, label, split become attributes. */
export const labelSource = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('folders') }),
  /** A CSV file `path,label[,split][,…]`; the split is train, held-out or left-out. */
  z.strictObject({ kind: z.literal('table'), file: filePath }),
  z.strictObject({ kind: z.literal('none') }),
]);
export type LabelSource = z.infer<typeof labelSource>;

/** What is held out of training. A table's own split wins where it has one. */
export const holdOut = z.discriminatedUnion('kind', [
  /** Spread over the classes in proportion to their sizes, never a whole class, as runs draw it. */
  z.strictObject({ kind: z.literal('share'), share: z.number().min(0).max(0.9), seed: count }),
  /** So many of each class, at most half of it. */
  z.strictObject({ kind: z.literal('each'), count: z.number().int().min(1).max(1_000_000), seed: count }),
]);
export type HoldOut = z.infer<typeof holdOut>;

/** What the last look through the folder found. */
const scan = z.object({
  at: time,
  seconds: seconds,
  files: count,
  added: count,
  changed: count,
  gone: count,
  newProblems: count,
});

export const dataset = z.object({
  dataset: datasetId,
  name: z.string(),
  folder: z.string(),
  /**
   * indexing: the task below goes on; what is there so far can be seen · ready · partial: indexing was cancelled,
   * `datasets.rescan` goes on · gone: the folder is not there (thumbnails and counts still are) · failed: `message` says why.
   * ready with a message: the labels could not be read again.
   */
  state: z.enum(['indexing', 'ready', 'partial', 'gone', 'failed']),
  message: z.string().nullable(),
  task: taskId.nullable(),
  /** Changes with everything that changes rows, classes, splits or what is used. */
  revision: count,
  added: time,
  /** Used last, by being looked at or trained on. */
  opened: time,
  /** Usable, and not left out: what counts everywhere. */
  pictures: count,
  training: count,
  heldOut: count,
  leftOut: count,
  unreadable: count,
  bytes: bytes,
  /** Sorted in code-unit order; a class's index is its place here. Empty: no labels. */
  classes: z.array(z.string()),
  /** Classes with a picture that can be read. */
  classCount: count,
  labels: labelSource,
  /** Columns of the table, beside path, label, split. */
  attributes: z.array(
    z.object({
      name: z.string(),
      kind: z.enum(['text', 'number']),
      /** Different values. */
      values: count,
    }),
  ),
  holdOut: holdOut,
  whenUnreadable: z.enum(['leave-out', 'stop']),
  /** Patterns of names that are not pictures: `*` and `?`, against the path below the folder. */
  ignore: z.array(z.string()),
  /** Files that have something the matter, and those nobody has seen yet. */
  problems: count,
  unseenProblems: count,
  /** Groups at the threshold that is set; null: never looked for. */
  duplicateGroups: count.nullable(),
  /** A few pictures that stand for it, for Home. */
  cover: pictureIds,
  /** Made by `datasets.makeSample`. */
  sample: z.boolean(),
  lastScan: scan.nullable(),
});
export type Dataset = z.infer<typeof dataset>;

/** What a change did, and how to take it back. */
export const change = z.object({
  /** The dataset's from now on. */
  revision: count,
  /** Pictures that changed. */
  changed: count,
  /** For `datasets.undo`; kept for the last 50 changes, until the engine ends. */
  undo: count,
});
export type Change = z.infer<typeof change>;

const one = z.strictObject({ dataset: datasetId });

export const datasetMethods = {
  /** One. Errors: not-found. */
  'datasets.get': { params: one, result: dataset },
  /**
   * Adds a folder and begins to index it (a task). Answers at once, before anything is read. Default labels: folders. A folder
   * that a dataset reads already gives that one back, `existed`. Errors: user (gone, no permission, a folder of the library, a
   * table that cannot be understood).
   */
  'datasets.add': {
    params: z.strictObject({ folder: filePath, name: datasetName.optional(), labels: labelSource.optional() }),
    result: z.object({ dataset: dataset, existed: z.boolean() }),
  },
  /**
   * Draws sample pictures into `samples/` of the library and adds them. A task; the dataset is there at once and fills. The same
   * count and seed give the same pictures, and the dataset that has them already. Errors: user (no room on the disk).
   */
  'datasets.makeSample': {
    params: z.strictObject({
      /** Default 2,400, in 16 classes. */
      count: z.number().int().min(12).max(200_000).optional(),
      seed: count.optional(),
      name: datasetName.optional(),
    }),
    result: z.object({ dataset: dataset, existed: z.boolean() }),
  },
  /**
   * Looks for changed, new and gone files (a task); also finishes an index that was cancelled. Errors: not-found, user (the
   * folder is gone).
   */
  'datasets.rescan': { params: one, result: z.object({ task: taskId }) },
  /** Changes those that are given. New `ignore` patterns rescan. Errors: not-found, user (name taken). */
  'datasets.update': {
    params: z.strictObject({
      dataset: datasetId,
      name: datasetName.optional(),
      whenUnreadable: z.enum(['leave-out', 'stop']).optional(),
      ignore: z.array(text(500)).max(1000).optional(),
      /** Where the folder is now, if it was moved; paths below it stay. */
      folder: filePath.optional(),
    }),
    result: dataset,
  },
  /**
   * Forgets a dataset: index, thumbnails, left-out marks, changed classes. Pictures and runs stay. Errors: not-found, busy (a run
   * reads it).
   */
  'datasets.remove': { params: one, result: done },
  /** Says that it is being looked at, so that `opened` is right, and whether its folder is there. Errors: not-found. */
  'datasets.open': { params: one, result: done },

  /**
   * Takes classes (and split, and attributes) from elsewhere. Classes set by hand are kept for pictures that the new source says
   * nothing about. `unmatched`: rows of the table that name no picture (listed as problems). Errors: not-found, user (names
   * file and line).
   */
  'datasets.setLabels': {
    params: z.strictObject({ dataset: datasetId, labels: labelSource }),
    result: change.extend({ labelled: count, classes: count, unmatched: count }),
  },
  /** Sets the class of pictures by hand; a new name makes a class, null takes it away. Errors: not-found. */
  'datasets.setClass': {
    params: z.strictObject({ dataset: datasetId, pictures: pictureIds, class: text(200).nullable() }),
    result: change,
  },
  /** Leaves pictures out of training and measuring, or takes them in again. Files stay as they are. Errors: not-found. */
  'datasets.setUse': {
    params: z.strictObject({ dataset: datasetId, pictures: pictureIds, use: z.boolean() }),
    result: change,
  },
  /**
   * Draws anew what is held out. Runs that were made keep theirs. Errors: not-found, user (nothing would be left to train on).
   */
  'datasets.setHoldOut': { params: z.strictObject({ dataset: datasetId, holdOut }), result: change },
  /** Puts pictures on one side of the split by hand. Errors: not-found. */
  'datasets.setSplit': {
    params: z.strictObject({ dataset: datasetId, pictures: pictureIds, split: z.enum(['train', 'held-out']) }),
    result: change,
  },
  /**
   * Takes a change back; undoing gives a change too, that does it again. Later changes stay. Errors: not-found (too old, or
   * overtaken by a rescan); user (labels were read, or sides drawn, anew since: that is to be taken back first).
   */
  'datasets.undo': { params: z.strictObject({ dataset: datasetId, undo: count }), result: change },
};

export const datasetTopics = {
  /** The whole list at each change, at most 4 times a second. A view whose dataset has another `revision` asks its rows again. */
  datasets: { key: null, value: z.object({ datasets: z.array(dataset) }) },
};

