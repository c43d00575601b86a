/** What is a number per picture, column by column in memory, saved in pages. A picture's id is its place. */
import type { Sql } from './database';

/** Pictures of a page. */
const PAGE = 1024;

/** Bits of `flags`. */
export const Flag = {
  /** The last scan saw the file. */
  present: 1,
  /** Its content was looked at. */
  read: 2,
  unreadable: 4,
  leftOut: 8,
  heldOut: 16,
  /** The side was chosen by hand. */
  splitByHand: 32,
  /** The side stands in the table. */
  splitInTable: 64,
  classByHand: 128,
  /** Its problems were seen. */
  seen: 256,
  turned: 512,
} as const;
/** Above the bits: the place in `FORMATS`. */
export const FORMAT_SHIFT = 16;

const FIELDS = {
  /** Bytes. */
  size: Float64Array,
  /** Milliseconds since 1970. */
  modified: Float64Array,
  /** The same; NaN for none. */
  taken: Float64Array,
  width: Uint32Array,
  height: Uint32Array,
  /** Place in the order of paths. */
  rank: Uint32Array,
  flags: Uint32Array,
  /** Bit per problem kind. */
  problems: Uint32Array,
  version: Uint32Array,
  class: Int32Array,
} as const;
const HASH_FIELDS = {
  hashLow: Uint32Array,
  hashHigh: Uint32Array,
  content0: Uint32Array,
  content1: Uint32Array,
  content2: Uint32Array,
  content3: Uint32Array,
} as const;

type Arrays<Fields> = {
  -readonly [Name in keyof Fields]: Fields[Name] extends new (length: number) => infer Array ? Array : never;
};
type Fields = Record<string, typeof Float64Array | typeof Uint32Array | typeof Int32Array>;
type AnyArray = Float64Array | Uint32Array | Int32Array;

/** Columns of one table of pages. Arrays may be longer than `length`; they are replaced when it grows. */
class PagedColumns<F extends Fields> {
  arrays: Arrays<F>;
  private capacity = 0;
  private readonly dirty = new Set<number>();
  private readonly names: readonly (keyof F & string)[];

  constructor(
    private readonly sql: Sql,
    private readonly dataset: number,
    private readonly table: 'page' | 'hash_page',
    private readonly fields: F,
    public length: number,
  ) {
    this.names = Object.keys(fields);
    this.arrays = this.allocate(length);
    for (const row of sql.prepare(`SELECT page, columns FROM ${table} WHERE dataset = ?`).raw().iterate(dataset)) {
      const [page, blob] = row as unknown as [number, Uint8Array];
      if (page * PAGE < this.capacity) this.unpack(page, blob);
    }
  }

  private allocate(length: number): Arrays<F> {
    this.capacity = Math.max(1, Math.ceil(length / PAGE)) * PAGE;
    return Object.fromEntries(this.names.map((name) => [name, new this.fields[name]!(this.capacity)])) as Arrays<F>;
  }

  /** Makes room for more pictures, all zeros. */
  grow(length: number): void {
    this.length = length;
    if (length <= this.capacity) return;
    const before = this.arrays;
    this.arrays = this.allocate(Math.max(length, Math.floor(this.capacity * 1.5)));
    for (const name of this.names) (this.arrays[name] as AnyArray).set(before[name] as AnyArray);
  }

  touch(picture: number): void {
    this.dirty.add(Math.floor(picture / PAGE));
  }

  touchAll(): void {
    for (let page = 0; page * PAGE < this.length; page++) this.dirty.add(page);
  }

  save(): void {
    if (this.isSaved) return;
    const put = this.sql.prepare(`INSERT OR REPLACE INTO ${this.table} VALUES (?, ?, ?)`);
    for (const page of this.dirty) put.run(this.dataset, page, this.pack(page));
  }

  saved(): void {
    this.dirty.clear();
  }

  get isSaved(): boolean {
    return this.dirty.size === 0;
  }

  private pack(page: number): Buffer {
    return Buffer.concat(this.names.map((name) => this.bytes(name, page)));
  }

  private unpack(page: number, blob: Uint8Array): void {
    let at = 0;
    for (const name of this.names) {
      const bytes = this.bytes(name, page);
      bytes.set(blob.subarray(at, at + bytes.length));
      at += bytes.length;
    }
  }

  /** Of one page of one column, in place (little-endian, as all machines that this runs on). */
  private bytes(name: keyof F & string, page: number): Uint8Array {
    const array = this.arrays[name] as AnyArray;
    const width = array.BYTES_PER_ELEMENT;
    return new Uint8Array(array.buffer, page * PAGE * width, PAGE * width);
  }
}

/** Columns that everything needs. */
export type Columns = Arrays<typeof FIELDS>;
/** Columns for finding duplicates; read when they are needed. */
export type HashColumns = Arrays<typeof HASH_FIELDS>;

export class PictureTable {
  private readonly main: PagedColumns<typeof FIELDS>;
  private hashTable: PagedColumns<typeof HASH_FIELDS> | undefined;

  constructor(
    private readonly sql: Sql,
    private readonly dataset: number,
    /** Pictures that were ever seen. */
    length: number,
  ) {
    this.main = new PagedColumns(sql, dataset, 'page', FIELDS, length);
  }

  get length(): number {
    return this.main.length;
  }

  get columns(): Columns {
    return this.main.arrays;
  }

  get hashes(): HashColumns {
    return this.hashPages.arrays;
  }

  private get hashPages(): PagedColumns<typeof HASH_FIELDS> {
    this.hashTable ??= new PagedColumns(this.sql, this.dataset, 'hash_page', HASH_FIELDS, this.length);
    return this.hashTable;
  }

  grow(length: number): void {
    const from = this.length;
    this.main.grow(length);
    this.hashTable?.grow(length);
    this.columns.taken.fill(NaN, from, length);
    this.columns.class.fill(-1, from, length);
  }

  touch(picture: number): void {
    this.main.touch(picture);
  }

  touchHashes(picture: number): void {
    this.hashPages.touch(picture);
  }

  touchAll(): void {
    this.main.touchAll();
  }

  /** Writes pages within the transaction of whatever else changes; `saved` tells once that is through: a full disk may show then. */
  save(): void {
    this.main.save();
    this.hashTable?.save();
  }

  saved(): void {
    this.main.saved();
    this.hashTable?.saved();
  }

  get isSaved(): boolean {
    return this.main.isSaved && (this.hashTable?.isSaved ?? true);
  }
}

/** Of one picture, out of its page; 0 where it was never saved. */
export function storedFlags(sql: Sql, dataset: number, picture: number): number {
  const names = Object.keys(FIELDS) as (keyof typeof FIELDS)[];
  const before = names.slice(0, names.indexOf('flags')).reduce((sum, name) => sum + FIELDS[name].BYTES_PER_ELEMENT, 0);
  const at = before * PAGE + (picture % PAGE) * FIELDS.flags.BYTES_PER_ELEMENT;
  const row = sql
    .prepare('SELECT substr(columns, ?, 4) AS flags FROM page WHERE dataset = ? AND page = ?')
    .get(at + 1, dataset, Math.floor(picture / PAGE)) as { flags: Uint8Array } | undefined;
  return row ? Buffer.from(row.flags).readUInt32LE() : 0;
}

/** The file is there and was looked at: what all lists are made of. */
export const isListed = (flags: number): boolean => (flags & (Flag.present | Flag.read)) === (Flag.present | Flag.read);
/** 0 used, 1 left out, 2 unreadable. */
export const useOf = (flags: number): 0 | 1 | 2 => (flags & Flag.unreadable ? 2 : flags & Flag.leftOut ? 1 : 0);
export const isUsed = (flags: number): boolean => isListed(flags) && (flags & (Flag.unreadable | Flag.leftOut)) === 0;
