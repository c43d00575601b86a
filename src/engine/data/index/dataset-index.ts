/** All datasets of a library. */
import { realpath, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { UserError } from '../../errors';
import { isInside } from '../folder';
import { fileReason } from '../problems';
import { deleteDataset, openDatabase, type Sql } from './database';
import { IndexedDataset } from './dataset';
import { duplicateMembersOf } from './duplicates';
import { CONTAINS, containsParameters } from './paths';
import { insertRecord, loadRecords, newRecord, type LabelSource, type StoredDataset } from './record';

/** Datasets whose columns stay in memory when others are looked at. */
const KEPT_IN_MEMORY = 4;

export class DatasetIndex {
  private readonly datasets = new Map<string, IndexedDataset>();
  private readonly latest: IndexedDataset[] = [];
  private listener: (dataset: IndexedDataset | undefined) => void = () => undefined;

  private constructor(
    private readonly sql: Sql,
    /** Folders inside which nothing may be added. */
    private readonly closed: readonly string[],
  ) {
    for (const stored of loadRecords(sql)) this.take(stored);
  }

  /** @throws UserError for a database of a later version */
  static open(file: string, closed: readonly string[] = []): DatasetIndex {
    return new DatasetIndex(openDatabase(file), closed);
  }

  close(): void {
    this.sql.close();
  }

  /** Called after each change; without a dataset when one is gone. */
  onChange(listener: (dataset: IndexedDataset | undefined) => void): void {
    this.listener = listener;
  }

  private take(stored: StoredDataset): IndexedDataset {
    const dataset = new IndexedDataset(this.sql, stored, (changed) => this.listener(changed));
    dataset.duplicateMembers = () => duplicateMembersOf(dataset);
    this.datasets.set(dataset.id, dataset);
    return dataset;
  }

  /** Last opened first. */
  get list(): IndexedDataset[] {
    return [...this.datasets.values()].sort((a, b) => b.record.opened - a.record.opened);
  }

  has(id: string): boolean {
    return this.datasets.has(id);
  }

  /** Of one that may lie out of memory, and stays there. */
  nameOf(id: string): string | undefined {
    return this.datasets.get(id)?.record.name;
  }

  /** As `nameOf`. */
  folderOf(id: string): string | undefined {
    return this.datasets.get(id)?.record.folder;
  }

  /** Undefined: there is none. Columns of those that were not looked at for long leave memory, but for `keep`. */
  get(id: string, keep: (dataset: IndexedDataset) => boolean = () => true): IndexedDataset | undefined {
    const dataset = this.datasets.get(id);
    if (!dataset || this.latest.at(-1) === dataset) return dataset;
    const place = this.latest.indexOf(dataset);
    if (place >= 0) this.latest.splice(place, 1);
    this.latest.push(dataset);
    for (const old of this.latest.slice(0, -KEPT_IN_MEMORY)) {
      if (keep(old) || !old.isSaved) continue;
      old.unload();
      this.latest.splice(this.latest.indexOf(old), 1);
    }
    return dataset;
  }

  /** The dataset that reads this very folder. */
  byFolder(root: string): IndexedDataset | undefined {
    return this.list.find(({ record }) => record.folder === root);
  }

  /**
   * Makes a dataset of a folder; nothing is read yet.
   * @throws UserError when the folder cannot be read, or belongs to the library
   */
  async add(folder: string, labels: LabelSource, name?: string): Promise<{ dataset: IndexedDataset; existed: boolean }> {
    const root = await realFolder(folder);
    if (this.closed.some((each) => isInside(each, root))) {
      throw new UserError(`${folder} belongs to the library itself: choose a folder with your own pictures.`);
    }
    const existing = this.byFolder(root);
    if (existing) return { dataset: existing, existed: true };
    const record = newRecord(this.freeName(name ?? (basename(root) || root)), root, labels);
    const dataset = this.take(insertRecord(this.sql, record));
    this.listener(dataset);
    return { dataset, existed: false };
  }

  /** The name, with a number behind it where it is taken. */
  private freeName(wanted: string): string {
    const base = wanted.trim().slice(0, 76) || 'pictures';
    const taken = new Set(this.list.map(({ record }) => record.name));
    let name = base;
    for (let i = 2; taken.has(name); i++) name = `${base} ${i}`;
    return name;
  }

  isNameTaken(name: string, by: IndexedDataset): boolean {
    return this.list.some((dataset) => dataset !== by && dataset.record.name === name);
  }

  /** Forgets it. Files stay. */
  remove(dataset: IndexedDataset): void {
    deleteDataset(this.sql, dataset.number);
    this.datasets.delete(dataset.id);
    const place = this.latest.indexOf(dataset);
    if (place >= 0) this.latest.splice(place, 1);
    this.listener(undefined);
  }

  /** Pictures of all datasets whose path contains the text. No dataset comes into memory for it. */
  search(text: string, count: number): { pictures: { dataset: string; picture: number; path: string }[]; more: boolean } {
    const rows = this.sql
      .prepare(`SELECT dataset, picture, path FROM path WHERE ${CONTAINS} LIMIT ?`)
      .all(...containsParameters(text), count + 50) as { dataset: number; picture: number; path: string }[];
    const byNumber = new Map(this.list.map((dataset) => [dataset.number, dataset]));
    const pictures = rows.flatMap(({ dataset: number, picture, path }) => {
      const dataset = byNumber.get(number);
      return dataset?.isStoredListed(picture) ? [{ dataset: dataset.id, picture, path }] : [];
    });
    return { pictures: pictures.slice(0, count), more: pictures.length > count };
  }
}

/** A folder with links resolved. @throws UserError */
export async function realFolder(folder: string): Promise<string> {
  try {
    const root = await realpath(folder);
    if ((await stat(root)).isDirectory()) return root;
  } catch (error) {
    throw new UserError(`The folder ${folder} cannot be read (${fileReason(error)}): check its name and its permissions.`);
  }
  throw new UserError(`${folder} is a file: choose a folder with pictures.`);
}
