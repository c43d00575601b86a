/** What is kept of a dataset as a whole: one row of JSON. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Sql } from './database';

const labelSource = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('folders') }),
  z.object({ kind: z.literal('table'), file: z.string() }),
  z.object({ kind: z.literal('none') }),
]);
export type LabelSource = z.infer<typeof labelSource>;

const holdOutRule = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('share'), share: z.number(), seed: z.number() }),
  z.object({ kind: z.literal('each'), count: z.number(), seed: z.number() }),
]);
export type HoldOutRule = z.infer<typeof holdOutRule>;

const record = z.object({
  name: z.string(),
  folder: z.string(),
  /** partial: indexing was cancelled, or ended with the program (then `going` is still set). */
  state: z.enum(['ready', 'partial', 'failed']),
  /** An index was being made; when the program starts it goes on. */
  going: z.boolean(),
  message: z.string().nullable(),
  revision: z.number(),
  added: z.number(),
  opened: z.number(),
  /** Pictures that were ever seen: the next id. */
  length: z.number(),
  classes: z.array(z.string()),
  labels: labelSource,
  holdOut: holdOutRule,
  whenUnreadable: z.enum(['leave-out', 'stop']),
  ignore: z.array(z.string()),
  /** Of the attributes that count; others are left from before a change that may be taken back. */
  generation: z.number(),
  /** The highest ever given. */
  lastGeneration: z.number(),
  attributes: z.array(z.object({ name: z.string(), kind: z.enum(['text', 'number']), values: z.number() })),
  sample: z.object({ count: z.number(), seed: z.number() }).nullable(),
  lastScan: z
    .object({
      at: z.number(),
      seconds: z.number(),
      files: z.number(),
      added: z.number(),
      changed: z.number(),
      gone: z.number(),
      newProblems: z.number(),
    })
    .nullable(),
  counts: z.object({
    pictures: z.number(),
    training: z.number(),
    heldOut: z.number(),
    leftOut: z.number(),
    unreadable: z.number(),
    bytes: z.number(),
    problems: z.number(),
    unseenProblems: z.number(),
    /** With a picture that can be read; older libraries have none. */
    classCount: z.number().optional(),
    cover: z.array(z.number()),
  }),
  duplicateGroups: z.number().nullable(),
  /** When a picture last came, went, or was looked at anew; milliseconds since 1970. */
  picturesChanged: z.number().default(0),
});
export type DatasetRecord = z.infer<typeof record>;

export const NO_COUNTS: DatasetRecord['counts'] = {
  pictures: 0,
  training: 0,
  heldOut: 0,
  leftOut: 0,
  unreadable: 0,
  bytes: 0,
  problems: 0,
  unseenProblems: 0,
  classCount: 0,
  cover: [],
};

export const newRecord = (name: string, folder: string, labels: LabelSource): DatasetRecord => ({
  name,
  folder,
  state: 'partial',
  going: true,
  message: null,
  revision: 1,
  added: Date.now(),
  opened: Date.now(),
  length: 0,
  classes: [],
  labels,
  holdOut: { kind: 'share', share: 0.1, seed: 0 },
  whenUnreadable: 'leave-out',
  ignore: [],
  generation: 0,
  lastGeneration: 0,
  attributes: [],
  sample: null,
  lastScan: null,
  counts: NO_COUNTS,
  duplicateGroups: null,
  picturesChanged: 0,
});

export interface StoredDataset {
  readonly number: number;
  readonly id: string;
  readonly record: DatasetRecord;
}

export function loadRecords(sql: Sql): StoredDataset[] {
  const rows = sql.prepare('SELECT number, id, record FROM dataset ORDER BY number').all() as {
    number: number;
    id: string;
    record: string;
  }[];
  return rows.map(({ number, id, record: text }) => ({ number, id, record: record.parse(JSON.parse(text)) }));
}

/** Ids are random, so that pictures cached under one never show up under another's, in whatever library. */
export function insertRecord(sql: Sql, given: DatasetRecord): StoredDataset {
  const id = `d${randomBytes(6).toString('hex')}`;
  const { lastInsertRowid } = sql.prepare('INSERT INTO dataset (id, record) VALUES (?, ?)').run(id, JSON.stringify(given));
  return { number: Number(lastInsertRowid), id, record: given };
}

export function saveRecord(sql: Sql, number: number, given: DatasetRecord): void {
  sql.prepare('UPDATE dataset SET record = ? WHERE number = ?').run(JSON.stringify(given), number);
}
