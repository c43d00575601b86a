/** Classes, sides and attributes from folders or a table, as they come into the columns. */
import { csvLabels, folderLabels, type CsvLabels, type PictureLabel } from '../labels';
import { attributeOf, saveAttributes, valueCount } from './attributes';
import { Flag, isListed } from './columns';
import { inTransaction } from './database';
import type { IndexedDataset } from './dataset';
import { problemBit } from './problem-kinds';
import type { LabelSource } from './record';

export interface ReadLabels {
  readonly source: LabelSource;
  /** Per picture that is present, in the order of `pictures`. */
  readonly labels: readonly PictureLabel[];
  readonly pictures: Uint32Array;
  readonly table: CsvLabels | undefined;
}

/** Reads what a source says of the pictures that are present. @throws UserError for tables that cannot be understood */
export async function readLabels(dataset: IndexedDataset, source: LabelSource): Promise<ReadLabels> {
  const all = await dataset.paths.all(dataset.length);
  const { flags } = dataset.columns;
  const pictures = Uint32Array.from(all.keys()).filter((picture) => flags[picture]! & Flag.present);
  const paths = Array.from(pictures, (picture) => all[picture]!);
  if (source.kind === 'none') return { source, labels: paths.map(() => ({ label: null })), pictures, table: undefined };
  if (source.kind === 'folders') return { source, labels: folderLabels(paths), pictures, table: undefined };
  const table = await csvLabels(source.file, dataset.record.folder, paths);
  return { source, labels: table.labels, pictures, table };
}

export interface LabelOutcome {
  readonly labelled: number;
  readonly classes: number;
  /** Rows of the table that name no picture. */
  readonly unmatched: number;
}

/**
 * Puts them into the columns and the record. To be run within `edit`, or before a save.
 * @param keepByHand what was set by hand stays, whatever the source says (a rescan); otherwise only where it says nothing
 */
export function applyLabels(dataset: IndexedDataset, read: ReadLabels, keepByHand: boolean): LabelOutcome {
  const { record } = dataset;
  const { flags, problems } = dataset.columns;
  const notInTable = problemBit('not-in-table');
  const names = classNames(dataset);

  read.pictures.forEach((picture, i) => {
    const { label, split } = read.labels[i]!;
    const isByHand = (flags[picture]! & Flag.classByHand) !== 0;
    if (!(isByHand && (keepByHand || label === null))) {
      names[picture] = label;
      flags[picture]! &= ~Flag.classByHand;
    }
    const sideByHand = (flags[picture]! & Flag.splitByHand) !== 0;
    flags[picture]! &= ~Flag.splitInTable;
    // Taken in again by hand, a picture stays in: a scan leaves out those alone that it has not seen before.
    if (split === 'left-out') flags[picture]! |= !keepByHand || !(flags[picture]! & Flag.read) ? Flag.leftOut : 0;
    else if (split && !(sideByHand && keepByHand)) {
      flags[picture]! &= ~(Flag.splitByHand | Flag.heldOut);
      flags[picture]! |= Flag.splitInTable | (split === 'held-out' ? Flag.heldOut : 0);
    }
    problems[picture]! &= ~notInTable;
    if (read.table && !read.table.named[i]) problems[picture]! |= notInTable;
  });
  const labelled = setClassNames(dataset, names);
  record.labels = read.source;
  saveTable(dataset, read);
  return { labelled, classes: record.classes.length, unmatched: read.table?.problems.length ?? 0 };
}

type Classes = Pick<IndexedDataset, 'columns' | 'record'>;

/** Every picture's class by name. */
export function classNames({ columns, record }: Classes): (string | null)[] {
  return Array.from({ length: record.length }, (_, i) => record.classes[columns.class[i]!] ?? null);
}

/**
 * Gives every picture its class by name; classes are no more without a picture that is present, or was when somebody set it.
 * @returns pictures with one
 */
export function setClassNames({ columns, record }: Classes, names: readonly (string | null)[]): number {
  const { flags, class: classes } = columns;
  const distinct = new Set<string>();
  names.forEach((name, i) => name !== null && flags[i]! & (Flag.present | Flag.classByHand) && distinct.add(name));
  record.classes = [...distinct].sort((a, b) => (a < b ? -1 : 1));
  const places = new Map(record.classes.map((name, place) => [name, place]));
  let labelled = 0;
  names.forEach((name, i) => {
    const place = name === null ? -1 : (places.get(name) ?? -1);
    classes[i] = place;
    if (place >= 0 && isListed(flags[i]!)) labelled++;
  });
  return labelled;
}

function saveTable(dataset: IndexedDataset, { table, pictures }: ReadLabels): void {
  const { record, sql, number } = dataset;
  record.generation = ++record.lastGeneration;
  const attributes = (table?.attributes ?? []).map(({ name, values }) => {
    const texts = new Array<string>(dataset.length).fill('');
    pictures.forEach((picture, i) => (texts[picture] = values[i]!));
    return attributeOf(name, texts);
  });
  record.attributes = attributes.map((each) => ({ name: each.name, kind: each.kind, values: valueCount(each) }));
  const put = sql.prepare('INSERT INTO loose_problem (dataset, kind, path, message, seen, generation) VALUES (?, ?, ?, ?, 0, ?)');
  inTransaction(sql, () => {
    saveAttributes(sql, number, record.generation, attributes);
    for (const { path, reason } of table?.problems ?? [])
      put.run(number, 'no-such-picture', path, sentence(reason), record.generation);
  });
}

const sentence = (reason: string): string => reason.charAt(0).toUpperCase() + reason.slice(1);
