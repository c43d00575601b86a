/** What is the matter with files of a dataset: those left out since they cannot be read, and odd ones that are used. */
import { z } from 'zod';
import {
  bytes,
  count,
  datasetId,
  done,
  image,
  pictureId,
  pictureIds,
  share,
  slice,
  taskId,
  text,
  textFile,
  time,
} from './values';

/**
 * Left out: the first eight. Odd, but used: the others (`not-in-table` and `no-such-picture` name rows and pictures of the
 * table).
 */
export const problemKind = z.enum([
  'cut-short',
  'not-a-picture',
  'empty',
  'unknown-format',
  'no-permission',
  'too-large',
  'damaged',
  'unreadable-folder',
  'very-small',
  'very-long',
  'moving',
  'print-colours',
  'wrong-ending',
  'not-in-table',
  'no-such-picture',
  'broke-in-run',
]);
export type ProblemKind = z.infer<typeof problemKind>;

const kinds = z.array(problemKind).max(32);

const group = z.object({
  kind: problemKind,
  /** left-out: cannot be used · used: odd, but used. */
  severity: z.enum(['left-out', 'used']),
  /** "Cut short". */
  title: z.string(),
  /** What it means and what to do about all of them, one or two short sentences. */
  advice: z.string(),
  count: count,
  unseen: count,
});

const problem = z.object({
  /** Null where the matter is with no file (a folder, a row of the table). */
  picture: pictureId.nullable(),
  path: z.string(),
  kind: problemKind,
  /** "Ends at line 1,911 of 3,024". */
  message: z.string(),
  /** left-out by the program, or since somebody said so. */
  done: z.enum(['left-out', 'used']),
  bytes: bytes.nullable(),
  seen: z.boolean(),
  version: count,
});
export type Problem = z.infer<typeof problem>;

/** By ids or by kind, not both. */
const some = z.union([
  z.strictObject({ dataset: datasetId, pictures: pictureIds }),
  z.strictObject({ dataset: datasetId, kind: problemKind }),
]);

export const problemMethods = {
  /** Kinds that occur, left-out ones first, then by number; counted under `text` (part of the path). Errors: not-found. */
  'problems.groups': {
    params: z.strictObject({ dataset: datasetId, text: text(500).optional() }),
    result: z.object({ revision: count, groups: z.array(group) }),
  },
  /** Rows in the order of the groups, within one by path; of `kinds` alone where given. Errors: not-found. */
  'problems.list': {
    params: z.strictObject({ dataset: datasetId, text: text(500).optional(), kinds: kinds.optional(), ...slice }),
    result: z.object({ revision: count, total: count, problems: z.array(problem) }),
  },
  /** One in full, with what could be read of it. Errors: not-found. */
  'problems.detail': {
    params: z.strictObject({ dataset: datasetId, picture: pictureId }),
    result: problem.extend({
      file: z.string(),
      /** What it means for the user's work, and what to do: a sentence or two each. */
      meaning: z.string(),
      advice: z.string(),
      /** "JPEG, 4,032 × 3,024 px"; null where it says nothing. */
      claims: z.string().nullable(),
      modified: time,
      /** In the decoder's own words. */
      decoderMessage: z.string().nullable(),
      /** Upper share that could be read, its size in pixels, and the picture in small; null: nothing could. */
      readable: z.object({ share, lines: count, ofLines: count, image }).nullable(),
    }),
  },
  /** Marks as seen; without ids or kind all. Errors: not-found. */
  'problems.see': {
    params: z.union([some, z.strictObject({ dataset: datasetId })]),
    result: done,
  },
  /** Reads files again (a task when many): those that are well now are used. Errors: not-found. */
  'problems.retry': { params: some, result: z.object({ task: taskId }) },
  /** The list as CSV: path, kind, message, done, bytes. Errors: not-found. */
  'problems.table': { params: z.strictObject({ dataset: datasetId }), result: textFile },
};
