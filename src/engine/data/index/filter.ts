/** Which pictures a filter shows. Each condition is one pass over the columns; facets are counted with their own left out. */
import type { Attribute } from './attributes';
import { Flag, isListed, useOf, type Columns } from './columns';
import { PROBLEM_KINDS, problemBit } from './problem-kinds';

export interface Range {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

export type Use = 'used' | 'left-out' | 'unreadable';
export const USES: readonly Use[] = ['used', 'left-out', 'unreadable'];

/** As the contract's filter (`pictures`). */
export interface Filter {
  readonly text?: string | undefined;
  readonly classes?: readonly number[] | undefined;
  readonly split?: 'train' | 'held-out' | undefined;
  readonly uses?: readonly Use[] | undefined;
  readonly shorterSide?: Range | undefined;
  readonly aspect?: Range | undefined;
  readonly bytes?: Range | undefined;
  readonly taken?: Range | undefined;
  readonly problems?: readonly string[] | undefined;
  readonly duplicates?: boolean | undefined;
  readonly attributes?:
    | readonly (
        { readonly name: string; readonly values: readonly string[] } | { readonly name: string; readonly range: Range }
      )[]
    | undefined;
  readonly pictures?: Uint32Array | undefined;
}

/** Conditions that facets leave out of their own count. Attributes follow from `attribute` on, by their place in the filter. */
export const Condition = { always: 0, classes: 1, split: 2, uses: 3, shorterSide: 4, aspect: 5, bytes: 6, attribute: 7 } as const;

/** What filters need of a dataset beside its columns. */
export interface FilterSource {
  readonly length: number;
  readonly columns: Columns;
  attribute(name: string): Attribute | undefined;
  /** Pictures whose path contains the text. */
  withText(text: string): Uint32Array;
  /** Pictures in groups of duplicates. */
  duplicates(): Uint32Array;
}

export class Filtered {
  /** Conditions that each picture fails; those that are in no list fail many. */
  readonly fails: Uint8Array;
  /** One of them. */
  readonly failedBy: Uint8Array;

  constructor(
    source: FilterSource,
    readonly filter: Filter,
  ) {
    const { length, columns } = source;
    this.fails = new Uint8Array(length);
    this.failedBy = new Uint8Array(length);
    const { flags, width, height, size, taken, problems } = columns;
    for (let i = 0; i < length; i++) if (!isListed(flags[i]!)) this.fails[i] = 2;
    const { classes, split, uses = ['used'], shorterSide, aspect, bytes } = filter;

    const wantedUses = uses.map((use) => USES.indexOf(use));
    this.demand(Condition.uses, (i) => wantedUses.includes(useOf(flags[i]!)));
    if (classes) {
      const wanted = new Set(classes);
      this.demand(Condition.classes, (i) => wanted.has(columns.class[i]!));
    }
    if (split) {
      const side = split === 'held-out' ? Flag.heldOut : 0;
      this.demand(Condition.split, (i) => (flags[i]! & Flag.heldOut) === side);
    }
    if (shorterSide) this.demandRange(Condition.shorterSide, shorterSide, (i) => Math.min(width[i]!, height[i]!));
    if (aspect) this.demandRange(Condition.aspect, aspect, (i) => width[i]! / height[i]!);
    if (bytes) this.demandRange(Condition.bytes, bytes, (i) => size[i]!);
    if (filter.taken) this.demandRange(Condition.always, filter.taken, (i) => taken[i]!);
    if (filter.problems) {
      const bits = PROBLEM_KINDS.filter((kind) => filter.problems!.includes(kind)).reduce(
        (sum, kind) => sum | problemBit(kind),
        0,
      );
      this.demand(Condition.always, (i) => (problems[i]! & bits) !== 0);
    }
    if (filter.text) this.demandMembers(source.withText(filter.text), true);
    if (filter.pictures) this.demandMembers(filter.pictures, true);
    if (filter.duplicates !== undefined) this.demandMembers(source.duplicates(), filter.duplicates);
    filter.attributes?.forEach((wanted, place) => this.demandAttribute(source, Condition.attribute + place, wanted));
  }

  /** Whether the filter shows it. */
  shows(picture: number): boolean {
    return this.fails[picture] === 0;
  }

  /** Whether the filter without one of its conditions shows it. */
  showsWithout(picture: number, condition: number): boolean {
    const fails = this.fails[picture];
    return fails === 0 || (fails === 1 && this.failedBy[picture] === condition);
  }

  private demand(condition: number, meets: (picture: number) => boolean): void {
    const { fails, failedBy } = this;
    for (let i = 0; i < fails.length; i++) {
      if (fails[i]! < 2 && !meets(i)) {
        fails[i]!++;
        failedBy[i] = condition;
      }
    }
  }

  private demandRange(condition: number, { from = -Infinity, to = Infinity }: Range, value: (picture: number) => number): void {
    this.demand(condition, (i) => value(i) >= from && value(i) <= to);
  }

  private demandMembers(members: Uint32Array, inside: boolean): void {
    const isMember = new Uint8Array(this.fails.length);
    for (const picture of members) if (picture < isMember.length) isMember[picture] = 1;
    this.demand(Condition.always, (i) => (isMember[i] === 1) === inside);
  }

  private demandAttribute(source: FilterSource, condition: number, wanted: NonNullable<Filter['attributes']>[number]): void {
    const attribute = source.attribute(wanted.name);
    if (!attribute) return this.demand(condition, () => false);
    if ('range' in wanted) {
      if (attribute.kind === 'text') return this.demand(condition, () => false);
      const { numbers } = attribute;
      return this.demandRange(condition, wanted.range, (i) => numbers[i] ?? NaN);
    }
    if (attribute.kind === 'number') return this.demand(condition, (i) => wanted.values.includes(textOf(attribute.numbers[i])));
    const codes = new Set(wanted.values.map((value) => (value === '' ? -1 : attribute.values.indexOf(value))));
    // A text that no picture has is not the same as none.
    if (!wanted.values.includes('')) codes.delete(-1);
    this.demand(condition, (i) => codes.has(attribute.codes[i] ?? -1));
  }
}

const textOf = (value: number | undefined): string => (value === undefined || Number.isNaN(value) ? '' : String(value));

/** Filters that are the same have the same key. */
export function filterKey(filter: Filter): string {
  const { pictures, ...others } = filter;
  const sorted = Object.fromEntries(Object.entries(others).sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify([sorted, pictures ? [pictures.length, digest(pictures)] : null]);
}

/** FNV-1a over the words, twice with different beginnings. */
function digest(words: Uint32Array): string {
  let [a, b] = [0x811c9dc5, 0x9dc5811c];
  for (const word of words) {
    a = Math.imul(a ^ word, 0x01000193);
    b = Math.imul(b ^ (word + (b >>> 15)), 0x01000193);
  }
  return `${a >>> 0}:${b >>> 0}`;
}
