/** The same file twice, and nearly the same picture: groups, what to keep of each, and what that does to the split. */
import { z } from 'zod';
import { change } from './datasets';
import { bytes, count, datasetId, histogram, pictureId, pictureIds, share, slice, taskId, time } from './values';

/** hash: of the picture, 64 bits; similarity = 1 − differing bits / 64. Pairs are looked for down to 57 / 64 = 0.89. */
export const comparison = z.discriminatedUnion('kind', [z.strictObject({ kind: z.literal('hash') })]);
export type Comparison = z.infer<typeof comparison>;

/** Which picture of a group is kept by itself. */
export const keepRule = z.strictObject({
  rule: z.enum(['largest', 'oldest', 'with-class', 'each']),
  /** A held-out one before one to train on. */
  preferHeldOut: z.boolean(),
});
export type KeepRule = z.infer<typeof keepRule>;

const shown = {
  dataset: datasetId,
  /** Nearly the same from this similarity on. */
  threshold: share,
  kinds: z.array(z.enum(['same-file', 'nearly'])).max(2),
  /** Only those that reach across train and held out, or across classes. */
  acrossSplit: z.boolean().optional(),
  acrossClasses: z.boolean().optional(),
  keep: keepRule,
};

const member = z.object({
  picture: pictureId,
  path: z.string(),
  width: count,
  height: count,
  bytes: bytes,
  taken: time.nullable(),
  modified: time,
  class: z.string().nullable(),
  split: z.enum(['train', 'held-out']),
  /** Under the rule and what was decided by hand; not carried out before `duplicates.apply`. */
  keep: z.boolean(),
  /** Left out now, by an earlier `apply` or by hand. */
  leftOut: z.boolean(),
  version: count,
});

const group = z.object({
  /** Its least picture's id: stable while that picture is in it. */
  group: pictureId,
  kind: z.enum(['same-file', 'nearly']),
  /** Least similarity to the kept one; 1 for the same file. */
  similarity: share,
  /** "other sizes", "a burst, within 1.2 s", "three folders"; '' where nothing is to be said. */
  remark: z.string(),
  acrossSplit: z.boolean(),
  acrossClasses: z.boolean(),
  /** Somebody decided; the rule does not touch it. */
  decided: z.boolean(),
  /** The kept ones first. */
  members: z.array(member),
});
export type DuplicateGroup = z.infer<typeof group>;

export const duplicateMethods = {
  /**
   * Compares all pictures (a task). Once that was done, a scan that finds something else does it again. Errors: not-found, busy (the folder is being read).
   */
  'duplicates.search': {
    params: z.strictObject({ dataset: datasetId, by: comparison }),
    result: z.object({ task: taskId }),
  },
  /**
   * What the last search tells at a threshold; under 300 ms, so that it can be dragged. `search: null`: never looked for; then
   * all else is zero and empty. Errors: not-found.
   */
  'duplicates.summary': {
    params: z.strictObject({ dataset: datasetId, threshold: share, keep: keepRule }),
    result: z.object({
      revision: count,
      search: z
        .object({
          ...{ by: comparison, at: time, task: taskId.nullable() },
          /** Pictures came, went or changed since: new copies are in no group yet. */
          outdated: z.boolean(),
        })
        .nullable(),
      /** What to begin with for this comparison. */
      defaultThreshold: share,
      sameFile: count,
      nearly: count,
      files: count,
      acrossSplit: count,
      acrossClasses: count,
      /** Pictures that `apply` would leave out, and how many remain then. */
      toLeaveOut: count,
      remaining: count,
      /** Of each picture's similarity to its nearest, from 0.6 to 1. */
      similarities: histogram,
      /** Groups of nearly the same at some thresholds, to choose by. */
      groupsAt: z.array(z.object({ threshold: share, groups: count })),
      /** Points by which k-NN flatters itself at most, by held-out pictures with a copy in train; 0: none. */
      flattersKnn: z.number().nonnegative(),
    }),
  },
  /** Groups of what `shown` says, across the split first, then the most alike, in whole. Errors: not-found. */
  'duplicates.groups': {
    params: z.strictObject({ ...shown, ...slice }),
    result: z.object({ revision: count, total: count, groups: z.array(group) }),
  },
  /** Two pictures beside each other. Errors: not-found. */
  'duplicates.compare': {
    params: z.strictObject({ dataset: datasetId, first: pictureId, second: pictureId }),
    result: z.object({
      /** Of 64. */
      hashBits: count,
      sameFile: z.boolean(),
    }),
  },
  /** Decides by hand: `keep` are kept of the group, its others not; null: the rule decides again. Errors: not-found. */
  'duplicates.decide': {
    params: z.strictObject({ dataset: datasetId, group: pictureId, threshold: share, keep: pictureIds.nullable() }),
    result: change,
  },
  /** "No duplicates": these pictures are never grouped with each other again. Errors: not-found. */
  'duplicates.separate': { params: z.strictObject({ dataset: datasetId, pictures: pictureIds }), result: change },
  /** Leaves out what is not kept, in all groups shown. No file is touched; `datasets.undo` takes it back. Errors: not-found. */
  'duplicates.apply': { params: z.strictObject(shown), result: change },
};

