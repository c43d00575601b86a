/** Reading a folder into the index: which files there are, then what is in those that are new or changed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../errors';
import type { DecodePool } from '../decode-pool';
import { placeInside, scanFolder, type Scan } from '../folder';
import { FORMATS, type PictureLook } from '../picture-look';
import { Flag, FORMAT_SHIFT } from './columns';
import { inTransaction } from './database';
import type { IndexedDataset } from './dataset';
import { refreshGroupCount } from './duplicates';
import { ignoring } from './ignore';
import { applyLabels, readLabels } from './labels';
import { LOOK_BITS, problemBit, UNREADABLE_BITS } from './problem-kinds';
import { orderOf } from './sort';
import { drawSplit } from './split';
import { THUMBNAIL_AHEAD, type Thumbnails } from './thumbnails';

export interface ScanContext {
  readonly pool: DecodePool;
  /** Where thumbnails are put that are made beside; undefined: none are made. */
  readonly thumbnails: Thumbnails | undefined;
  readonly signal: AbortSignal;
  report(done: number, total: number | null): void;
  /** When it was broken off: whether the next start of the program is to go on by itself. Default: no. */
  goesOnLater?(): boolean;
}

interface Looked {
  readonly picture: number;
  /** Undefined: gone, or a link that leads out of the folder since it was listed. */
  readonly look: PictureLook | undefined;
}

/** Pictures that are looked at at a time. */
const IN_FLIGHT = 8;
/** Looks are saved so often, in milliseconds. */
const SAVE_EVERY = 1000;

/**
 * Brings the index up to date. Cancelled or broken off, what was read so far stays, and the next scan goes on from there.
 * @throws UserError when the folder cannot be read, or at an unreadable file where the dataset says so; the signal's reason
 */
export async function scanDataset(dataset: IndexedDataset, context: ScanContext): Promise<void> {
  const { record } = dataset;
  const started = Date.now();
  Object.assign(record, { going: true, message: null });
  dataset.saveRecord();
  try {
    const found = await scanFolder(record.folder, {
      stayInside: true,
      mayBeEmpty: record.length > 0,
      signal: context.signal,
      onProgress: (files) => context.report(files, null),
    });
    const isIgnored = ignoring(record.ignore);
    const pictures = found.pictures.filter(({ path }) => !isIgnored(path));
    const nothing = pictures.length === 0 ? new UserError(noPictures(record.folder, found)) : undefined;
    if (nothing && record.length === 0) throw nothing;
    const before = record.counts.problems;
    const changes = await takeListing(dataset, { ...found, pictures });
    await readAll(dataset, context);
    const newProblems = Math.max(0, record.counts.problems - before);
    const files = found.pictures.length;
    record.lastScan = { at: Date.now(), seconds: (Date.now() - started) / 1000, files, ...changes, newProblems };
    if (nothing) throw nothing;
    Object.assign(record, { going: false, state: 'ready' });
    saveOutcome(dataset);
  } catch (error) {
    const isAborted = context.signal.aborted;
    const going = isAborted && (context.goesOnLater?.() ?? false);
    Object.assign(record, { going, state: isAborted ? 'partial' : 'failed' });
    if (!isAborted)
      record.message = error instanceof UserError ? error.message : 'Something unexpected ended the scan: scan the folder again.';
    saveOutcome(dataset);
    throw error;
  }
}

const noPictures = (folder: string, { pictures }: Scan): string =>
  pictures.length > 0
    ? `All pictures in ${folder} have names that are ignored: change what is ignored.`
    : `There are no pictures in ${folder} any more: put them back and scan it again, then their classes and choices are as they were.`;

function saveOutcome(dataset: IndexedDataset): void {
  if (dataset.record.duplicateGroups === null) dataset.saveRecord();
  else refreshGroupCount(dataset);
}

/** Compares what was found with what is known, and makes rows of what is new. */
async function takeListing(dataset: IndexedDataset, found: Scan): Promise<{ added: number; changed: number; gone: number }> {
  const { record, table } = dataset;
  const { pictures } = found;
  const known = new Map((await dataset.paths.all(record.length)).map((path, id) => [path, id]));
  const fresh = pictures.filter(({ path }) => !known.has(path));
  const first = record.length;
  // Rows and the record that counts them belong together.
  await appendRows(
    dataset,
    fresh.map(({ path }) => path),
  );
  fresh.forEach(({ path }, i) => known.set(path, first + i));

  const { flags, size, modified, rank, version } = table.columns;
  const noPermission = problemBit('no-permission');
  const seen = new Uint8Array(record.length);
  let changed = 0;
  let cameBack = 0;
  pictures.forEach((file, place) => {
    const id = known.get(file.path)!;
    seen[id] = 1;
    const isNew = id >= first;
    const isOther = size[id] !== file.size || modified[id] !== file.modified;
    const wasGone = !(flags[id]! & Flag.present);
    if (!isNew && isOther) changed++;
    if (!isNew && wasGone) cameBack++;
    if (isNew || isOther) {
      [size[id], modified[id]] = [file.size, file.modified];
      version[id]!++;
      flags[id]! &= ~(Flag.read | Flag.seen);
    } else if (table.columns.problems[id]! & noPermission) flags[id]! &= ~Flag.read;
    flags[id]! |= Flag.present;
    if (isNew || isOther || wasGone || rank[id] !== place || !(flags[id]! & Flag.read)) table.touch(id);
    rank[id] = place;
  });
  let gone = 0;
  let last = pictures.length;
  for (let id = 0; id < record.length; id++) {
    if (seen[id]) continue;
    if (flags[id]! & Flag.present) gone++;
    flags[id]! &= ~Flag.present;
    rank[id] = last++;
    table.touch(id);
  }
  if (gone + cameBack > 0) record.picturesChanged = Date.now();
  noteFolders(dataset, found);
  if (pictures.length > 0) await takeLabels(dataset, first);
  dataset.edits.clear();
  dataset.save();
  return { added: record.length - first, changed, gone };
}

/** Adds rows; a crash in between leaves paths without a row at most, which the next scan takes over. */
async function appendRows(dataset: IndexedDataset, paths: readonly string[]): Promise<void> {
  const { record, sql, number, table } = dataset;
  sql.prepare('DELETE FROM path WHERE dataset = ? AND picture >= ?').run(number, record.length);
  await dataset.paths.append(record.length, paths);
  record.length += paths.length;
  table.grow(record.length);
}

function noteFolders({ sql, number }: IndexedDataset, found: Scan): void {
  inTransaction(sql, () => {
    const seen = sql
      .prepare(`SELECT path FROM loose_problem WHERE dataset = ? AND kind = 'unreadable-folder' AND seen = 1`)
      .all(number);
    const wasSeen = new Set((seen as { path: string }[]).map(({ path }) => path));
    sql.prepare(`DELETE FROM loose_problem WHERE dataset = ? AND kind = 'unreadable-folder'`).run(number);
    const put = sql.prepare(
      `INSERT INTO loose_problem (dataset, kind, path, message, seen, generation) VALUES (?, 'unreadable-folder', ?, ?, ?, 0)`,
    );
    for (const { path, reason } of found.problems) {
      put.run(number, path, reason.charAt(0).toUpperCase() + reason.slice(1), wasSeen.has(path) ? 1 : 0);
    }
  });
}

async function takeLabels(dataset: IndexedDataset, first: number): Promise<void> {
  const { record } = dataset;
  const before = { flags: dataset.columns.flags.slice(), classes: dataset.columns.class.slice() };
  try {
    applyLabels(dataset, await readLabels(dataset, record.labels), true);
  } catch (error) {
    // The first time, the table is what the user gave. Later it may have gone: then classes stay as they are.
    if (!(error instanceof UserError) || record.lastScan === null) throw error;
    record.message = `${error.message} Until it is read again, pictures keep their classes, and new ones have none.`;
  }
  const fresh = new Set(Array.from({ length: record.length - first }, (_, i) => first + i));
  const byPath = orderOf(dataset, { by: 'path' });
  drawSplit(record.holdOut, dataset.columns, byPath, first === 0 ? undefined : fresh);
  const { flags, class: classes } = dataset.columns;
  for (let id = 0; id < record.length; id++) {
    if (flags[id] !== before.flags[id] || classes[id] !== before.classes[id]) dataset.table.touch(id);
  }
}

/** Looks at all pictures that are present and were not looked at yet. */
async function readAll(dataset: IndexedDataset, context: ScanContext): Promise<void> {
  const { signal } = context;
  const waiting = dataset
    .order({ by: 'path' })
    .filter((id) => (dataset.columns.flags[id]! & (Flag.present | Flag.read)) === Flag.present);
  await lookAt(dataset, waiting, context);
  signal.throwIfAborted();
}

/** Looks at given pictures (again) and saves what was seen. @throws UserError at an unreadable one, if the dataset says so */
export async function lookAt(dataset: IndexedDataset, pictures: Uint32Array, context: ScanContext): Promise<void> {
  const { pool, thumbnails, signal, report } = context;
  const looks: Looked[] = [];
  let [next, done, saved] = [0, 0, Date.now()];
  let failure: { readonly error: unknown } | undefined;
  report(0, pictures.length);
  const worker = async (): Promise<void> => {
    while (next < pictures.length && !signal.aborted && !failure) {
      const picture = pictures[next++]!;
      const path = dataset.paths.one(picture) ?? '';
      const thumbnail = thumbnails?.hasRoom ? THUMBNAIL_AHEAD : 0;
      const place = await placeInside(dataset.record.folder, path);
      const look = place === undefined ? undefined : await pool.run({ kind: 'look', path: place, thumbnail });
      if (signal.aborted) return;
      const version = dataset.columns.version[picture]!;
      if (look?.thumbnail) await thumbnails?.put({ dataset: dataset.id, picture, version, size: THUMBNAIL_AHEAD }, look.thumbnail);
      looks.push({ picture, look });
      report(++done, pictures.length);
      if (look?.failure && look.failure.kind !== 'gone' && dataset.record.whenUnreadable === 'stop') {
        const advice = 'mend or remove it, or let the scan leave such files out';
        throw new UserError(`The scan stopped at ${path} (${look.failure.message.toLowerCase()}): ${advice}.`);
      }
      if (Date.now() - saved > SAVE_EVERY) {
        saved = Date.now();
        takeLooks(dataset, looks.splice(0));
        // Whoever waits for the engine comes first.
        await sleep(0);
      }
    }
  };
  const workers = Array.from({ length: IN_FLIGHT }, () => worker().catch((error: unknown) => void (failure ??= { error })));
  await Promise.all(workers);
  takeLooks(dataset, looks);
  if (failure) throw failure.error;
}

/** Puts what was seen of files into columns and notes, and saves it. */
export function takeLooks(dataset: IndexedDataset, looks: readonly Looked[]): void {
  const { sql, number, table } = dataset;
  const forget = sql.prepare('DELETE FROM note WHERE dataset = ? AND picture = ?');
  const note = sql.prepare('INSERT OR REPLACE INTO note VALUES (?, ?, ?, ?, ?)');
  if (looks.length > 0) dataset.record.picturesChanged = Date.now();
  dataset.save({
    also() {
      for (const { picture, look } of looks) {
        forget.run(number, picture);
        takeLook(dataset, picture, look);
        table.touch(picture);
        table.touchHashes(picture);
        if (!look) continue;
        const { failure } = look;
        if (failure && failure.kind !== 'gone') note.run(number, picture, failure.kind, failure.message, failure.decoder);
        for (const { kind, message } of look.odd) note.run(number, picture, kind, message, null);
      }
    },
  });
}

function takeLook(dataset: IndexedDataset, picture: number, look: PictureLook | undefined): void {
  const { columns, hashes } = dataset;
  const failure = look?.failure;
  if (!look || failure?.kind === 'gone') {
    columns.flags[picture]! &= ~Flag.present;
    return;
  }
  // Mended meanwhile: other pixels need another address.
  if (columns.size[picture] !== look.size || columns.modified[picture] !== look.modified) columns.version[picture]!++;
  columns.size[picture] = look.size;
  columns.modified[picture] = look.modified;
  columns.taken[picture] = look.taken ?? NaN;
  columns.width[picture] = look.width;
  columns.height[picture] = look.height;
  const before = columns.problems[picture]!;
  const kinds = failure ? [failure.kind] : look.odd.map(({ kind }) => kind);
  const bits = kinds.reduce((sum, kind) => sum | problemBit(kind), 0);
  columns.problems[picture] = (before & ~LOOK_BITS) | bits;
  const flags = columns.flags[picture]! & 0xffff & ~(Flag.unreadable | Flag.turned);
  const isUnreadable = (bits & UNREADABLE_BITS) !== 0;
  columns.flags[picture] =
    flags |
    Flag.read |
    (isUnreadable ? Flag.unreadable : 0) |
    (look.turned ? Flag.turned : 0) |
    (FORMATS.indexOf(look.format) << FORMAT_SHIFT);
  [hashes.hashLow[picture], hashes.hashHigh[picture]] = look.hash;
  const content = new DataView(look.content.buffer, look.content.byteOffset, 16);
  [hashes.content0, hashes.content1, hashes.content2, hashes.content3].forEach(
    (array, i) => (array[picture] = content.getUint32(i * 4)),
  );
}
