/** One dataset of the index: its columns, what follows from them, and how changes are saved. */
import { dropOtherGenerations, loadAttributes, type Attribute } from './attributes';
import { Flag, isListed, isUsed, PictureTable, storedFlags, useOf, type Columns, type HashColumns } from './columns';
import { inTransaction, jsonOf, type Sql } from './database';
import type { DuplicateDecisions } from './decision-change';
import { EditLog, type EditResult } from './edits';
import { filterKey, Filtered, type Filter } from './filter';
import { Paths } from './paths';
import { saveRecord, type DatasetRecord, type StoredDataset } from './record';
import { orderOf, sortKey, type Sort } from './sort';

/** Lists that are kept until the dataset changes: a grid asks for the same one again and again. */
const KEPT_LISTS = 8;

export interface ShownList {
  readonly ids: Uint32Array;
  /** Of their files. */
  readonly bytes: number;
}

/** As `ShownList` in columns: what a grid draws. */
export interface PictureRows {
  ids: Uint32Array;
  widths: Uint32Array;
  heights: Uint32Array;
  classes: Int32Array;
  splits: Uint8Array;
  uses: Uint8Array;
  problems: Uint8Array;
  versions: Uint32Array;
  paths: string[];
}

export class IndexedDataset {
  readonly number: number;
  readonly id: string;
  readonly record: DatasetRecord;
  readonly paths: Paths;
  readonly edits = new EditLog();
  private loaded: PictureTable | undefined;
  private loadedAttributes: { generation: number; attributes: Attribute[] } | undefined;
  private loadedDecisions: DuplicateDecisions | undefined;
  private readonly kept = new Map<string, unknown>();
  private keptRevision = 0;
  /** Orders of all pictures by sort; they outlive changes that move no picture. */
  private readonly orders = new Map<string, Uint32Array>();
  /** Set by what finds duplicates: pictures in groups. */
  duplicateMembers: () => Uint32Array = () => new Uint32Array(0);

  constructor(
    readonly sql: Sql,
    stored: StoredDataset,
    private readonly onChange: (dataset: IndexedDataset) => void,
  ) {
    this.number = stored.number;
    this.id = stored.id;
    this.record = stored.record;
    this.paths = new Paths(sql, stored.number);
  }

  /** Read when it is first asked for. */
  get table(): PictureTable {
    if (!this.loaded) {
      this.loaded = new PictureTable(this.sql, this.number, this.record.length);
      dropOtherGenerations(this.sql, this.number, [this.record.generation, ...this.edits.generations]);
    }
    return this.loaded;
  }

  get columns(): Columns {
    return this.table.columns;
  }

  get hashes(): HashColumns {
    return this.table.hashes;
  }

  get length(): number {
    return this.record.length;
  }

  /** Frees memory; what is asked for later is read again. Not while it is scanned. */
  unload(): void {
    this.loaded = undefined;
    this.kept.clear();
    this.orders.clear();
  }

  get attributes(): readonly Attribute[] {
    const { generation } = this.record;
    if (this.loadedAttributes?.generation !== generation) {
      this.loadedAttributes = { generation, attributes: loadAttributes(this.sql, this.number, generation) };
    }
    return this.loadedAttributes.attributes;
  }

  readonly attribute = (name: string): Attribute | undefined => this.attributes.find((each) => each.name === name);

  withText(text: string): Uint32Array {
    return this.paths.containing(text);
  }

  duplicates(): Uint32Array {
    return this.duplicateMembers();
  }

  get decisions(): DuplicateDecisions {
    if (!this.loadedDecisions) {
      const choices = this.sql.prepare('SELECT picture, keep FROM duplicate_choice WHERE dataset = ?').raw().all(this.number);
      const separations = this.sql.prepare('SELECT pictures FROM separation WHERE dataset = ? ORDER BY id').all(this.number);
      this.loadedDecisions = {
        choices: new Map((choices as [number, number][]).map(([picture, keep]) => [picture, keep === 1])),
        separations: (separations as { pictures: Uint8Array }[]).map(
          ({ pictures }) => new Uint32Array(new Uint8Array(pictures).buffer),
        ),
      };
    }
    return this.loadedDecisions;
  }

  /** What is made once per revision. */
  once<T>(key: string, make: () => T): T {
    if (this.keptRevision !== this.record.revision) {
      this.kept.clear();
      this.keptRevision = this.record.revision;
    }
    if (this.kept.has(key)) {
      const value = this.kept.get(key) as T;
      // The latest asked for is last.
      this.kept.delete(key);
      this.kept.set(key, value);
      return value;
    }
    const value = make();
    this.kept.set(key, value);
    // Each kind of list has a limit of its own, told by the key's beginning.
    const kind = key.split(' ')[0]!;
    const alike = [...this.kept.keys()].filter((each) => each.startsWith(`${kind} `));
    for (const old of alike.slice(0, Math.max(0, alike.length - KEPT_LISTS))) this.kept.delete(old);
    return value;
  }

  order(sort: Sort): Uint32Array {
    const key = sortKey(sort);
    const known = this.orders.get(key);
    if (known) return known;
    if (this.orders.size >= KEPT_LISTS) this.orders.clear();
    const byPath = sort.by === 'path' && !sort.descending ? undefined : this.order({ by: 'path' });
    const order = orderOf(this, sort, byPath);
    this.orders.set(key, order);
    return order;
  }

  filtered(filter: Filter): Filtered {
    return this.once(`filtered ${filterKey(filter)}`, () => new Filtered(this, filter));
  }

  /** What a filter shows, in order. */
  shown(filter: Filter, sort: Sort): ShownList {
    return this.once(`shown ${sortKey(sort)} ${filterKey(filter)}`, () => {
      const { fails } = this.filtered(filter);
      const { size } = this.columns;
      const order = this.order(sort);
      const ids = new Uint32Array(order.length);
      let count = 0;
      for (let i = 0; i < order.length; i++) if (fails[order[i]!] === 0) ids[count++] = order[i]!;
      // In the order of the columns: a million reads here and there would take as long as the sort.
      let bytes = 0;
      for (let i = 0; i < fails.length; i++) if (fails[i] === 0) bytes += size[i]!;
      return { ids: ids.slice(0, count), bytes };
    });
  }

  has(picture: number): boolean {
    return picture < this.length && isListed(this.columns.flags[picture]!);
  }

  /** As `has`, by what was saved last: reads no more than that. */
  isStoredListed(picture: number): boolean {
    return picture < this.length && isListed(storedFlags(this.sql, this.number, picture));
  }

  /** Of given pictures, in their order; those that are none are left out. */
  rows(pictures: Uint32Array): PictureRows {
    const ids = pictures.filter((picture) => this.has(picture));
    const { width, height, flags, version, problems, class: classes } = this.columns;
    return {
      ids,
      widths: ids.map((id) => width[id]!),
      heights: ids.map((id) => height[id]!),
      classes: Int32Array.from(ids, (id) => classes[id]!),
      splits: Uint8Array.from(ids, (id) => (flags[id]! & Flag.heldOut ? 1 : 0)),
      uses: Uint8Array.from(ids, (id) => useOf(flags[id]!)),
      problems: Uint8Array.from(ids, (id) => (problems[id] === 0 ? 0 : 1)),
      versions: ids.map((id) => version[id]!),
      paths: this.paths.of(ids),
    };
  }

  /** Makes a change that can be taken back, and saves it. */
  edit(change: () => void, decisions?: DuplicateDecisions): EditResult {
    const result = this.edits.run(this.table, this.record, change, decisions);
    this.save({ decisions: decisions !== undefined, reorders: result.reorders });
    return result;
  }

  /** @returns undefined where the change is not known any more. @throws UserError where another has to be taken back first */
  undo(id: number): EditResult | undefined {
    const { decisions } = this;
    const result = this.edits.undo(id, this.table, this.record, decisions);
    if (result) this.save({ decisions: true, reorders: result.reorders });
    return result;
  }

  /**
   * Saves pictures that were touched, and the record under a new revision, in one go. What could not be saved, because the disk
   * is full, is saved with what comes next.
   * @param also what belongs to it: run before, within the transaction
   */
  save({ decisions = false, reorders = true, also = (): void => undefined } = {}): void {
    if (reorders) this.orders.clear();
    this.record.revision++;
    inTransaction(this.sql, () => {
      also();
      this.record.counts = this.count();
      this.table.save();
      if (decisions) this.saveDecisions();
      saveRecord(this.sql, this.number, this.record);
    });
    this.table.saved();
    this.onChange(this);
  }

  /** Otherwise it must not leave memory. */
  get isSaved(): boolean {
    return this.loaded?.isSaved ?? true;
  }

  /** Saves what no row depends on: name, state, when it was opened. */
  saveRecord(): void {
    saveRecord(this.sql, this.number, this.record);
    this.onChange(this);
  }

  private saveDecisions(): void {
    const { choices, separations } = this.decisions;
    this.sql.prepare('DELETE FROM duplicate_choice WHERE dataset = ?').run(this.number);
    this.sql
      .prepare('INSERT INTO duplicate_choice SELECT ?, value->>0, value->>1 FROM json_each(?)')
      .run(this.number, JSON.stringify([...choices].map(([picture, keep]) => [picture, keep ? 1 : 0])));
    this.sql.prepare('DELETE FROM separation WHERE dataset = ?').run(this.number);
    const put = this.sql.prepare('INSERT INTO separation (dataset, pictures) VALUES (?, ?)');
    for (const each of separations) put.run(this.number, Buffer.from(each.buffer, each.byteOffset, each.byteLength));
  }

  private count(): DatasetRecord['counts'] {
    const { flags, size, problems, class: classes } = this.columns;
    const counts = { pictures: 0, training: 0, heldOut: 0, leftOut: 0, unreadable: 0, bytes: 0, problems: 0, unseenProblems: 0 };
    const cover = new Map<number, number>();
    const readable = new Set<number>();
    for (let i = 0; i < this.length; i++) {
      const flag = flags[i]!;
      if (!isListed(flag)) continue;
      if (problems[i] !== 0) {
        counts.problems++;
        if (!(flag & Flag.seen)) counts.unseenProblems++;
      }
      if (!(flag & Flag.unreadable) && classes[i]! >= 0) readable.add(classes[i]!);
      if (flag & Flag.unreadable) counts.unreadable++;
      else if (flag & Flag.leftOut) counts.leftOut++;
      else {
        counts.pictures++;
        counts.bytes += size[i]!;
        if (flag & Flag.heldOut) counts.heldOut++;
        else counts.training++;
        if (cover.size < COVER && !cover.has(classes[i]!)) cover.set(classes[i]!, i);
      }
    }
    const loose = this.sql
      .prepare(
        'SELECT count(*) AS all_, coalesce(sum(1 - seen), 0) AS unseen FROM loose_problem WHERE dataset = ? AND generation IN (0, ?)',
      )
      .get(this.number, this.record.generation) as { all_: number; unseen: number };
    counts.problems += loose.all_;
    counts.unseenProblems += loose.unseen;
    return { ...counts, classCount: readable.size, cover: this.fillCover([...cover.values()]) };
  }

  /** With few classes, further pictures spread over the set. */
  private fillCover(cover: number[]): number[] {
    const { flags } = this.columns;
    for (let k = 0; k < COVER && cover.length < COVER; k++) {
      const start = Math.floor((k * this.length) / COVER);
      for (let i = start; i < Math.min(this.length, start + 100); i++) {
        if (isUsed(flags[i]!) && !cover.includes(i)) {
          cover.push(i);
          break;
        }
      }
    }
    return cover;
  }

  /** Notes on the problems of given pictures. */
  notes(pictures: ArrayLike<number>): Map<string, { message: string; decoder: string | null }> {
    const rows = this.sql
      .prepare(
        'SELECT picture, kind, message, decoder FROM note WHERE dataset = ? AND picture IN (SELECT value FROM json_each(?))',
      )
      .all(this.number, jsonOf(Array.from(pictures))) as {
      picture: number;
      kind: string;
      message: string;
      decoder: string | null;
    }[];
    return new Map(rows.map(({ picture, kind, message, decoder }) => [`${picture} ${kind}`, { message, decoder }]));
  }
}

/** Pictures that stand for a dataset. */
const COVER = 8;
