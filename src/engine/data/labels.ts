/** Labels: the first folder below the root, or a CSV file. */
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { CsvError, parse } from 'csv-parse/sync';
import { UserError } from '../errors';
import { fileReason, type Problem } from './problems';

export type Split = 'train' | 'held-out';

export interface PictureLabel {
  readonly label: string | null;
  /** Only where the CSV says so. */
  readonly split?: Split | 'left-out';
}

/** Class folders: a picture's label is its first folder, if at least two such folders hold pictures. */
export function folderLabels(paths: readonly string[]): PictureLabel[] {
  const labels = paths.map((path) => (path.includes('/') ? path.slice(0, path.indexOf('/')) : null));
  const distinct = new Set(labels.filter((label) => label !== null));
  return labels.map((label) => ({ label: distinct.size >= 2 ? label : null }));
}

/** In the place of a path: all pictures that no other row names. */
export const ALL_OTHERS = '*';

const SPLITS = new Map<string, PictureLabel['split']>([
  ['', undefined],
  ...['train', 'training'].map((name) => [name, 'train'] as const),
  ...['held-out', 'held_out', 'val', 'valid', 'validation', 'test'].map((name) => [name, 'held-out'] as const),
  ...['left-out', 'left_out'].map((name) => [name, 'left-out'] as const),
]);

interface Row {
  readonly line: number;
  readonly path: string;
  readonly label: string;
  readonly split: PictureLabel['split'];
  /** Of the other columns, in their order. */
  readonly others: readonly string[];
}

export interface CsvLabels {
  /** One per path, in their order. */
  readonly labels: PictureLabel[];
  /** Rows that name no picture. */
  readonly problems: Problem[];
  /** Columns besides path, label and split; each with one text per path, '' for none. */
  readonly attributes: { readonly name: string; readonly values: string[] }[];
  /** Whether a row names the picture, per path. */
  readonly named: boolean[];
}

/**
 * Labels from a CSV file with the columns `path,label[,split]`, in UTF-8, with or without that heading (then in that
 * order), separated by commas, or by semicolons or tabs where the heading is. Paths are relative to the pictures'
 * root or to the CSV file's folder; `*` stands for all that no other row names, and without it these have no label.
 * Labels lose spaces around them, unless they are quoted. Rows that name no picture are listed as problems. Other
 * columns, where there is a heading, become attributes.
 * @throws UserError naming the line, when the file cannot be understood, or when no row names a picture.
 */
export async function csvLabels(
  file: string,
  root: string,
  paths: readonly string[],
): Promise<CsvLabels> {
  const { rows, others } = readRows(file, await readText(file));
  const index = new Map(paths.map((path, i) => [path, i]));
  const found = new Map<number, Row>();
  const problems: Problem[] = [];
  let rest: Row | undefined;
  for (const row of rows) {
    if (row.path === ALL_OTHERS) {
      requireSame(file, rest, row);
      rest = row;
      continue;
    }
    const picture = findPicture(row.path, root, dirname(resolve(file)), index);
    if (picture === undefined) {
      problems.push({ path: row.path, reason: `line ${row.line} of the labels: there is no such picture` });
      continue;
    }
    requireSame(file, found.get(picture), row);
    found.set(picture, row);
  }
  if (found.size === 0 && !rest) {
    const first = rows[0];
    const why = first ? `line ${first.line} names ${JSON.stringify(first.path)}, which is not there` : 'it has no rows';
    const where = "paths are relative to that folder or to the file's own";
    throw new UserError(`${file}: no row names a picture of ${root} (${why}); ${where}.`);
  }
  const labels = paths.map((_, i): PictureLabel => {
    const row = found.get(i) ?? rest;
    if (!row) return { label: null };
    return row.split ? { label: row.label || null, split: row.split } : { label: row.label || null };
  });
  const attributes = others.map((name, column) => ({
    name,
    values: paths.map((_, i) => (found.get(i) ?? rest)?.others[column]?.trim() ?? ''),
  }));
  return { labels, problems, attributes, named: paths.map((_, i) => found.has(i) || rest !== undefined) };
}

function requireSame(file: string, before: Row | undefined, row: Row): void {
  if (!before || (before.label === row.label && before.split === row.split)) return;
  const earlier = `${row.path} was already given otherwise in line ${before.line}`;
  throw new UserError(`${file}, line ${row.line}: ${earlier}; keep one of the two.`);
}

async function readText(file: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw new UserError(`The labels ${file} cannot be read (${fileReason(error)}): check the name.`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UserError(`${file}, line ${badLine(bytes)}: this is not UTF-8 text; save the file as UTF-8.`);
  }
}

/** The first line that is not UTF-8 by itself (no byte of a longer character is a newline). */
function badLine(bytes: Buffer): number {
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const end = bytes.indexOf(10, start);
    const part = bytes.subarray(start, end < 0 ? bytes.length : end);
    if (!Buffer.from(part.toString('utf8')).equals(part)) return line;
    start = end < 0 ? bytes.length : end + 1;
  }
  return line;
}

interface Field {
  readonly text: string;
  readonly quoted: boolean;
}

interface CsvRecord {
  readonly record: Field[];
  readonly info: { readonly lines: number };
}

function readRows(file: string, text: string): { rows: Row[]; others: string[] } {
  const separator = /^"?path"?([;\t])/i.exec(text)?.[1] ?? ',';
  let records: CsvRecord[];
  try {
    // With `info` each record comes with the number of the line where it ends.
    const shape = { bom: true, delimiter: separator, relax_column_count: true, skip_empty_lines: true };
    const cast = (value: string, { quoting }: { quoting: boolean }): Field => ({ text: value, quoted: quoting });
    const parsed: unknown = parse(text, { ...shape, cast, info: true });
    records = parsed as CsvRecord[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = typeof error.lines === 'number' ? `, line ${error.lines}` : '';
    const advice = 'a quote inside a quoted value is written twice';
    throw new UserError(`${file}${line}: the quotes of this CSV file do not match; ${advice}.`);
  }
  const heading = records[0]?.record.map(({ text: name }) => name.trim().toLowerCase());
  const named = heading?.includes('path') && heading.includes('label');
  const column = (name: string, place: number): number => (named ? heading!.indexOf(name) : place);
  const [path, label, split] = [column('path', 0), column('label', 1), column('split', 2)];
  const heads = named ? records[0]!.record.map(({ text: name }) => name.trim()) : [];
  const extra = [...heads.keys()].filter((place) => ![path, label, split].includes(place) && heads[place] !== '');
  const rows = records.slice(named ? 1 : 0).map(({ record, info }): Row => {
    const line = info.lines;
    if (record.length <= Math.max(path, label) || (!named && record.length > 3)) {
      throw new UserError(`${file}, line ${line}: expected path,label or path,label,split, found ${record.length} value(s).`);
    }
    const side = (split < 0 ? '' : (record[split]?.text ?? '')).trim().toLowerCase();
    if (!SPLITS.has(side)) {
      const advice = 'write train, held-out or left-out, or leave it empty';
      throw new UserError(`${file}, line ${line}: the split is ${JSON.stringify(side)}; ${advice}.`);
    }
    const [picture, name] = [record[path]!.text, record[label]!];
    if (picture === '') throw new UserError(`${file}, line ${line}: the path is empty.`);
    const others = extra.map((place) => record[place]?.text ?? '');
    return { line, path: picture, label: name.quoted ? name.text : name.text.trim(), split: SPLITS.get(side), others };
  });
  return { rows, others: extra.map((place) => heads[place]!) };
}

function findPicture(path: string, root: string, csvFolder: string, index: ReadonlyMap<string, number>): number | undefined {
  const inRoot = (name: string): number | undefined => {
    if (!isAbsolute(name) && index.has(name)) return index.get(name);
    for (const base of [root, csvFolder]) {
      const within = relative(root, resolve(base, name)).split(sep).join('/');
      if (index.has(within)) return index.get(within);
    }
    return undefined;
  };
  // A backslash is part of a name on Linux, and a separator in lists written on Windows.
  return inRoot(path) ?? (path.includes('\\') ? inRoot(path.replaceAll('\\', '/')) : undefined);
}
