/** Files with something the matter, in groups by kind; rows of tables and folders that are no picture among them. */
import { Flag, isListed, useOf } from './columns';
import type { IndexedDataset } from './dataset';
import { PROBLEM_KINDS, PROBLEM_WORDS, problemBit, severityOf, type ProblemKind } from './problem-kinds';

export interface ProblemGroup {
  kind: ProblemKind;
  severity: 'left-out' | 'used';
  title: string;
  advice: string;
  count: number;
  unseen: number;
}

export interface ProblemRow {
  /** Null where the matter is with no file. */
  picture: number | null;
  path: string;
  kind: ProblemKind;
  message: string;
  done: 'left-out' | 'used';
  bytes: number | null;
  seen: boolean;
  version: number;
}

interface Loose {
  readonly kind: ProblemKind;
  readonly path: string;
  readonly message: string;
  readonly seen: number;
}

/** Kinds that occur: left-out ones first, then by number. `text`: part of the path. */
export function problemGroups(dataset: IndexedDataset, text?: string): ProblemGroup[] {
  const { flags } = dataset.columns;
  const groups = PROBLEM_KINDS.map((kind): ProblemGroup => {
    const pictures = picturesOf(dataset, kind, text);
    const loose = looseOf(dataset, kind, text);
    const unseen = pictures.filter((id) => !(flags[id]! & Flag.seen)).length + loose.filter(({ seen }) => !seen).length;
    const { title, advice } = PROBLEM_WORDS[kind];
    return { kind, severity: severityOf(kind), title, advice, count: pictures.length + loose.length, unseen };
  });
  const order = ({ severity }: ProblemGroup): number => (severity === 'left-out' ? 0 : 1);
  return groups.filter(({ count }) => count > 0).sort((a, b) => order(a) - order(b) || b.count - a.count);
}

/** Pictures with a kind of problem, by path. */
export function picturesOf(dataset: IndexedDataset, kind: ProblemKind, text?: string): Uint32Array {
  return dataset.once(`problems ${kind} ${text ?? ''}`, () => {
    const { flags, problems } = dataset.columns;
    const bit = problemBit(kind);
    const matches = text ? new Set(dataset.withText(text)) : undefined;
    const has = (id: number): boolean => (problems[id]! & bit) !== 0 && isListed(flags[id]!) && (!matches || matches.has(id));
    return dataset.order({ by: 'path' }).filter(has);
  });
}

function looseOf({ sql, number, record }: IndexedDataset, kind: ProblemKind, text?: string): Loose[] {
  const rows = sql
    .prepare(
      `SELECT kind, path, message, seen FROM loose_problem WHERE dataset = ? AND kind = ? AND generation IN (0, ?) ORDER BY path, id`,
    )
    .all(number, kind, record.generation) as Loose[];
  const part = text?.toLowerCase();
  return part ? rows.filter(({ path }) => path.toLowerCase().includes(part)) : rows;
}

/** Rows `from` … in the order of the groups, within one by path. */
export function problemRows(
  dataset: IndexedDataset,
  options: { text?: string | undefined; kinds?: readonly ProblemKind[] | undefined; from: number; count: number },
): { total: number; problems: ProblemRow[] } {
  const { text, kinds, from, count } = options;
  const groups = problemGroups(dataset, text).filter(({ kind }) => !kinds || kinds.includes(kind));
  const problems: ProblemRow[] = [];
  let start = 0;
  for (const group of groups) {
    const [first, end] = [Math.max(0, from - start), Math.min(group.count, from + count - start)];
    start += group.count;
    if (first >= end) continue;
    const pictures = picturesOf(dataset, group.kind, text);
    problems.push(...rowsOf(dataset, group.kind, pictures.slice(first, end)));
    const loose = looseOf(dataset, group.kind, text).slice(
      Math.max(0, first - pictures.length),
      Math.max(0, end - pictures.length),
    );
    problems.push(...loose.map(looseRow));
  }
  return { total: start, problems };
}

/** Of given pictures, in one kind. */
export function rowsOf(dataset: IndexedDataset, kind: ProblemKind, pictures: Uint32Array): ProblemRow[] {
  const { flags, size, version } = dataset.columns;
  const notes = dataset.notes(pictures);
  const paths = dataset.paths.of(pictures);
  return Array.from(pictures, (picture, i) => ({
    picture,
    path: paths[i]!,
    kind,
    message: notes.get(`${picture} ${kind}`)?.message ?? PROBLEM_WORDS[kind].message,
    done: useOf(flags[picture]!) === 0 ? 'used' : 'left-out',
    bytes: size[picture]!,
    seen: (flags[picture]! & Flag.seen) !== 0,
    version: version[picture]!,
  }));
}

const looseRow = ({ kind, path, message, seen }: Loose): ProblemRow => ({
  picture: null,
  path,
  kind,
  message,
  done: 'left-out',
  bytes: null,
  seen: seen === 1,
  version: 0,
});

/** The gravest problem of a picture; undefined: nothing is the matter. */
export function firstKind(bits: number): ProblemKind | undefined {
  return PROBLEM_KINDS.find((kind) => bits & problemBit(kind));
}

/** Marks as seen; without ids or kind all. */
export function seeProblems(dataset: IndexedDataset, which: { pictures?: Uint32Array; kind?: ProblemKind }): void {
  const { flags, problems } = dataset.columns;
  const mark = (id: number): void => {
    if (id >= dataset.length || problems[id] === 0 || flags[id]! & Flag.seen) return;
    flags[id]! |= Flag.seen;
    dataset.table.touch(id);
  };
  if (which.pictures) which.pictures.forEach(mark);
  else if (which.kind) picturesOf(dataset, which.kind).forEach(mark);
  else for (let id = 0; id < dataset.length; id++) mark(id);
  const { sql, number } = dataset;
  if (which.kind) sql.prepare('UPDATE loose_problem SET seen = 1 WHERE dataset = ? AND kind = ?').run(number, which.kind);
  else if (!which.pictures) sql.prepare('UPDATE loose_problem SET seen = 1 WHERE dataset = ?').run(number);
  dataset.save({ reorders: false });
}

/** What a run could not read is listed, and used again by the next run that can. Unknown paths are passed over. */
export function noteBroken(dataset: IndexedDataset, broken: readonly { readonly path: string; readonly reason: string }[]): void {
  const ids = dataset.paths.find(broken.map(({ path }) => path));
  const { flags, problems } = dataset.columns;
  const put = dataset.sql.prepare('INSERT OR REPLACE INTO note VALUES (?, ?, ?, ?, NULL)');
  ids.forEach((id, i) => {
    if (id === null || !isListed(flags[id]!) || flags[id]! & Flag.unreadable) return;
    const { reason } = broken[i]!;
    problems[id]! |= problemBit('broke-in-run');
    flags[id]! &= ~Flag.seen;
    dataset.table.touch(id);
    put.run(dataset.number, id, 'broke-in-run', reason.charAt(0).toUpperCase() + reason.slice(1));
  });
  dataset.save({ reorders: false });
}

/** The whole list as CSV. */
export function problemTable(dataset: IndexedDataset): string {
  const { problems } = problemRows(dataset, { from: 0, count: Infinity });
  const lines = problems.map(({ path, kind, message, done, bytes }) =>
    [path, kind, message, done, bytes ?? ''].map(csvField).join(','),
  );
  return `${['path,kind,message,done,bytes', ...lines].join('\r\n')}\r\n`;
}

/** One value of a CSV file. A sign at the beginning that spreadsheets would take for a formula is made harmless. */
export function csvField(value: string | number): string {
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
