/** Orders of all pictures of a dataset; what a filter shows is taken from them in their order. */
import { Purpose, Random } from '../../random';
import type { Attribute } from './attributes';
import type { Columns } from './columns';

export interface Sort {
  readonly by: 'mixed' | 'path' | 'class' | 'shorter-side' | 'aspect' | 'bytes' | 'taken' | 'modified' | 'attribute';
  readonly attribute?: string | undefined;
  readonly descending?: boolean | undefined;
}

export interface SortSource {
  readonly length: number;
  readonly columns: Columns;
  attribute(name: string): Attribute | undefined;
}

export const sortKey = ({ by, attribute = '', descending = false }: Sort): string => `${by}:${descending}:${attribute}`;

/**
 * All pictures, gone ones too. Equals are in the order of their paths; those without a value come last, either way.
 * @param byPath the order by path, where it is known
 */
export function orderOf(source: SortSource, sort: Sort, byPath = pathOrder(source)): Uint32Array {
  if (sort.by === 'path') return sort.descending ? byPath.toReversed() : byPath;
  if (sort.by === 'mixed') return sort.descending ? mixedOrder(source, byPath).reverse() : mixedOrder(source, byPath);
  return sortBy(byPath, valuesOf(source, sort), sort.descending ?? false);
}

function pathOrder({ length, columns: { rank } }: SortSource): Uint32Array {
  const order = new Uint32Array(length);
  for (let i = 0; i < length; i++) order[rank[i]!] = i;
  return order;
}

/** NaN: no value. */
function valuesOf({ length, columns, attribute }: SortSource, sort: Sort): Float64Array {
  const { width, height, size, taken, modified } = columns;
  const fill = (value: (i: number) => number): Float64Array => {
    const values = new Float64Array(length);
    for (let i = 0; i < length; i++) values[i] = value(i);
    return values;
  };
  switch (sort.by) {
    case 'class':
      return fill((i) => (columns.class[i]! < 0 ? NaN : columns.class[i]!));
    case 'shorter-side':
      return fill((i) => Math.min(width[i]!, height[i]!) || NaN);
    case 'aspect':
      return fill((i) => width[i]! / height[i]!);
    case 'bytes':
      return fill((i) => size[i]!);
    case 'taken':
      return fill((i) => taken[i]!);
    case 'modified':
      return fill((i) => modified[i]!);
    default: {
      const given = attribute(sort.attribute ?? '');
      if (given?.kind === 'number') return fill((i) => given.numbers[i] ?? NaN);
      return fill((i) => ((given?.codes[i] ?? -1) < 0 ? NaN : given!.codes[i]!));
    }
  }
}

/**
 * A stable sort of places by value: a radix sort, so that a million take a tenth of a second. Loops count, since `for … of` over
 * numbers takes three times as long.
 */
function sortBy(order: Uint32Array, values: Float64Array, descending: boolean): Uint32Array {
  let from: Uint32Array = order.slice();
  let to: Uint32Array = new Uint32Array(order.length);
  for (const keys of wholeKeys(values, descending) ?? doubleKeys(values, descending)) {
    for (const shift of [0, 16]) {
      if (isEven(keys, shift)) continue;
      const starts = new Uint32Array(65537);
      for (let i = 0; i < keys.length; i++) starts[((keys[i]! >>> shift) & 0xffff) + 1]!++;
      for (let i = 0; i < 65536; i++) starts[i + 1]! += starts[i]!;
      for (let i = 0; i < from.length; i++) {
        const picture = from[i]!;
        to[starts[(keys[picture]! >>> shift) & 0xffff]!++] = picture;
      }
      [from, to] = [to, from];
    }
  }
  return from;
}

/** Last of all. */
const NOTHING = 0xffffffff;

/** One word per value, where all are whole numbers of a range that fits into it. */
function wholeKeys(values: Float64Array, descending: boolean): [Uint32Array] | undefined {
  let [least, most] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (!(most - least < NOTHING)) return undefined;
  const keys = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (Number.isNaN(value)) keys[i] = NOTHING;
    else if (Number.isInteger(value)) keys[i] = descending ? most - value : value - least;
    else return undefined;
  }
  return [keys];
}

/** The doubles' bits, the low words first. */
function doubleKeys(values: Float64Array, descending: boolean): [Uint32Array, Uint32Array] {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
  const low = new Uint32Array(values.length);
  const high = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i]!)) {
      [low[i], high[i]] = [NOTHING, NOTHING];
      continue;
    }
    // −0 is 0. Numbers below zero are turned round, so that bits order as values do.
    if (values[i] === 0) values[i] = 0;
    const isNegative = words[2 * i + 1]! >>> 31 === 1;
    const flip = isNegative !== descending ? 0xffffffff : 0;
    low[i] = words[2 * i]! ^ flip;
    high[i] = words[2 * i + 1]! ^ flip ^ (isNegative ? 0 : 0x80000000);
  }
  return [low, high];
}

/** All keys have the same 16 bits here. */
function isEven(keys: Uint32Array, shift: number): boolean {
  const first = ((keys[0] ?? 0) >>> shift) & 0xffff;
  for (let i = 0; i < keys.length; i++) if (((keys[i]! >>> shift) & 0xffff) !== first) return false;
  return true;
}

/** Rounds of one picture of each class that still has one; all in a random order that is the same every time. */
function mixedOrder({ columns }: SortSource, byPath: Uint32Array): Uint32Array {
  const shuffled = new Random(0, Purpose.order, 0, 1).permutation(byPath.length).map((place) => byPath[place]!);
  const { class: classes } = columns;
  let most = -1;
  for (let i = 0; i < shuffled.length; i++) most = Math.max(most, classes[i]!);
  // Those without a class, −1, are one more.
  const seen = new Uint32Array(most + 2);
  const rounds = new Uint32Array(shuffled.length);
  let last = 0;
  for (let i = 0; i < shuffled.length; i++) {
    const round = seen[classes[shuffled[i]!]! + 1]!++;
    rounds[i] = round;
    last = Math.max(last, round);
  }
  const starts = new Uint32Array(last + 2);
  for (let i = 0; i < rounds.length; i++) starts[rounds[i]! + 1]!++;
  for (let i = 0; i <= last; i++) starts[i + 1]! += starts[i]!;
  const order = new Uint32Array(shuffled.length);
  for (let i = 0; i < rounds.length; i++) order[starts[rounds[i]!]!++] = shuffled[i]!;
  return order;
}
