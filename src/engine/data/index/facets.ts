/** What stands beside the grid: counts and histograms under a filter, each without its own condition. */
import { isListed, Flag, useOf } from './columns';
import type { IndexedDataset } from './dataset';
import { Condition, type Filter } from './filter';
import { aspectHistogram, linearHistogram, logHistogram, type Histogram } from './histogram';

export interface Facets {
  total: number;
  classes: { index: number; count: number; selected: number }[];
  shorterSide: Histogram;
  aspect: Histogram;
  bytes: Histogram;
  training: number;
  heldOut: number;
  uses: { used: number; leftOut: number; unreadable: number };
  attributes: { name: string; kind: 'text' | 'number'; values: number; histogram: Histogram | null }[];
}

export function facetsOf(dataset: IndexedDataset, filter: Filter, bins: number, selection?: Uint32Array): Facets {
  const filtered = dataset.filtered(filter);
  const { width, height, size, flags, class: classes } = dataset.columns;
  const { length } = dataset;
  const isSelected = new Uint8Array(length);
  for (const picture of selection ?? []) if (picture < length) isSelected[picture] = 1;
  /** Values of what the filter without one condition shows. */
  const values = (condition: number, value: (picture: number) => number): Float64Array => {
    const found = new Float64Array(length);
    let count = 0;
    for (let i = 0; i < length; i++) if (filtered.showsWithout(i, condition)) found[count++] = value(i);
    return found.subarray(0, count);
  };
  const byClass = new Map<number, { index: number; count: number; selected: number }>();
  const uses = [0, 0, 0];
  let [total, training, heldOut] = [0, 0, 0];
  for (let i = 0; i < length; i++) {
    const flag = flags[i]!;
    if (!isListed(flag)) continue;
    if (filtered.shows(i)) total++;
    if (filtered.showsWithout(i, Condition.uses)) uses[useOf(flag)]!++;
    if (filtered.showsWithout(i, Condition.split)) {
      if (flag & Flag.heldOut) heldOut++;
      else training++;
    }
    if (!filtered.showsWithout(i, Condition.classes)) continue;
    const known = byClass.get(classes[i]!) ?? { index: classes[i]!, count: 0, selected: 0 };
    byClass.set(known.index, known);
    known.count++;
    known.selected += isSelected[i]!;
  }
  return {
    total,
    classes: [...byClass.values()].sort((a, b) => b.count - a.count || a.index - b.index),
    shorterSide: logHistogram(
      values(Condition.shorterSide, (i) => Math.min(width[i]!, height[i]!)),
      bins,
    ),
    aspect: aspectHistogram(
      values(Condition.aspect, (i) => width[i]! / height[i]!),
      bins,
    ),
    bytes: logHistogram(
      values(Condition.bytes, (i) => size[i]!),
      bins,
    ),
    training,
    heldOut,
    uses: { used: uses[0]!, leftOut: uses[1]!, unreadable: uses[2]! },
    attributes: dataset.attributes.map((attribute) => {
      const condition = conditionOf(filter, attribute.name);
      if (attribute.kind === 'number') {
        const numbers = values(condition, (i) => attribute.numbers[i] ?? NaN).filter((value) => !Number.isNaN(value));
        const histogram = linearHistogram(numbers, bins);
        return { name: attribute.name, kind: attribute.kind, values: new Set(numbers).size, histogram };
      }
      const seen = new Set(values(condition, (i) => attribute.codes[i] ?? -1));
      seen.delete(-1);
      return { name: attribute.name, kind: attribute.kind, values: seen.size, histogram: null };
    }),
  };
}

/** The filter's condition on an attribute; none: as if all were asked. */
function conditionOf(filter: Filter, name: string): number {
  const place = filter.attributes?.findIndex((wanted) => wanted.name === name) ?? -1;
  return place < 0 ? Condition.always : Condition.attribute + place;
}

/** Values of an attribute under a filter without its condition on it, most first; `text` narrows. */
export function attributeValues(
  dataset: IndexedDataset,
  filter: Filter,
  name: string,
  text: string,
): { value: string; count: number }[] | undefined {
  const attribute = dataset.attribute(name);
  if (!attribute) return undefined;
  const condition = conditionOf(filter, name);
  const filtered = dataset.filtered(filter);
  const counts = new Map<number, number>();
  for (let i = 0; i < dataset.length; i++) {
    const value = attribute.kind === 'text' ? (attribute.codes[i] ?? -1) : (attribute.numbers[i] ?? NaN);
    if (filtered.showsWithout(i, condition)) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const wordOf = (value: number): string =>
    attribute.kind === 'number' ? (Number.isNaN(value) ? '' : String(value)) : (attribute.values[value] ?? '');
  return [...counts]
    .map(([value, count]) => ({ value: wordOf(value), count }))
    .filter(({ value }) => value.toLowerCase().includes(text.toLowerCase()))
    .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
}

export type AttributeColumn =
  | { readonly kind: 'text'; readonly values: string[]; readonly codes: Int32Array }
  | { readonly kind: 'number'; readonly numbers: Float64Array };

/** One entry per picture; undefined: no such attribute. */
export function attributeColumn(dataset: IndexedDataset, name: string, ids: Uint32Array): AttributeColumn | undefined {
  const attribute = dataset.attribute(name);
  if (!attribute) return undefined;
  if (attribute.kind === 'number')
    return { kind: 'number', numbers: Float64Array.from(ids, (id) => attribute.numbers[id] ?? NaN) };
  const places = new Map<number, number>();
  const codes = Int32Array.from(ids, (id) => {
    const code = attribute.codes[id] ?? -1;
    if (code >= 0 && !places.has(code)) places.set(code, places.size);
    return places.get(code) ?? -1;
  });
  return { kind: 'text', values: [...places.keys()].map((code) => attribute.values[code]!), codes };
}
