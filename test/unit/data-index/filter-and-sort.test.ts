import { expect, test } from 'vitest';
import { facetsOf, Flag, type Filter, type IndexedDataset, type Sort } from '../../../src/engine/data/index/index';
import { openLibrary } from './folders';
import { synthetic } from './synthetic';

const COUNT = 3000;

async function opened(): Promise<IndexedDataset> {
  return synthetic(openLibrary().index, COUNT);
}

/** The same by plain loops. */
function plainly(dataset: IndexedDataset, filter: Filter): number[] {
  const { width, height, flags, class: classes, size, taken } = dataset.columns;
  const within = (value: number, range?: { from?: number | undefined; to?: number | undefined }): boolean =>
    !range || (value >= (range.from ?? -Infinity) && value <= (range.to ?? Infinity));
  return Array.from({ length: COUNT }, (_, i) => i).filter((i) => {
    const use = flags[i]! & Flag.leftOut ? 'left-out' : 'used';
    return (
      (filter.uses ?? ['used']).includes(use) &&
      (!filter.classes || filter.classes.includes(classes[i]!)) &&
      (!filter.split || (filter.split === 'held-out') === ((flags[i]! & Flag.heldOut) !== 0)) &&
      within(Math.min(width[i]!, height[i]!), filter.shorterSide) &&
      within(width[i]! / height[i]!, filter.aspect) &&
      within(size[i]!, filter.bytes) &&
      within(taken[i]!, filter.taken)
    );
  });
}

test('filters show what plain loops show, in whatever combination', async () => {
  const dataset = await opened();
  const conditions: Filter[] = [
    { classes: [1, 5, 39] },
    { split: 'held-out' },
    { uses: ['left-out'] },
    { uses: ['used', 'left-out'] },
    { shorterSide: { from: 300, to: 900 } },
    { aspect: { to: 1 } },
    { bytes: { from: 1e5 } },
    { taken: { from: 1.5e12, to: 1.5e12 + 1e6 } },
  ];
  for (const one of conditions) {
    for (const other of conditions) {
      const filter = { ...one, ...other };
      expect([...dataset.shown(filter, { by: 'path' }).ids]).toEqual(plainly(dataset, filter));
    }
  }
});

test('a facet is counted without its own condition', async () => {
  const dataset = await opened();
  const filter: Filter = { classes: [1, 5], split: 'held-out', shorterSide: { from: 300, to: 900 }, aspect: { to: 1 } };
  const facets = facetsOf(dataset, filter, 20);
  const sum = (counts: Uint32Array): number => counts.reduce((a, b) => a + b, 0);
  const without = (name: keyof Filter): number => plainly(dataset, { ...filter, [name]: undefined }).length;
  expect(facets.total).toBe(plainly(dataset, filter).length);
  expect(sum(facets.shorterSide.counts)).toBe(without('shorterSide'));
  expect(sum(facets.aspect.counts)).toBe(without('aspect'));
  expect(sum(facets.bytes.counts)).toBe(facets.total);
  expect(facets.classes.reduce((all, { count }) => all + count, 0)).toBe(without('classes'));
  expect(facets.training + facets.heldOut).toBe(without('split'));
  expect(facets.heldOut).toBe(facets.total);
});

test.each<Sort['by']>(['class', 'shorter-side', 'aspect', 'bytes', 'taken', 'modified'])(
  'sorts by %s both ways, stably',
  async (by) => {
    const dataset = await opened();
    const { columns } = dataset;
    const value = (i: number): number =>
      ({
        class: columns.class[i]!,
        'shorter-side': Math.min(columns.width[i]!, columns.height[i]!),
        aspect: columns.width[i]! / columns.height[i]!,
        bytes: columns.size[i]!,
        taken: columns.taken[i]!,
        modified: columns.modified[i]!,
      })[by as 'class'];
    for (const descending of [false, true]) {
      const { ids } = dataset.shown({}, { by, descending });
      const expected = plainly(dataset, {}).sort((a, b) => {
        const [first, second] = [value(a), value(b)];
        if (Number.isNaN(first) || Number.isNaN(second))
          return Number(Number.isNaN(first)) - Number(Number.isNaN(second)) || a - b;
        return (descending ? second - first : first - second) || a - b;
      });
      expect([...ids]).toEqual(expected);
    }
  },
);

test('numbers below zero and texts sort too', async () => {
  const { index } = openLibrary();
  const dataset = await synthetic(index, 6);
  const numbers = Float64Array.of(3, -1.5, NaN, 0, -1e9, 1e-3);
  Object.defineProperty(dataset, 'attribute', { value: () => ({ kind: 'number', name: 'x', numbers }) });
  const uses: Filter['uses'] = ['used', 'left-out'];
  const order = (descending: boolean): number[] => [
    ...dataset.shown({ uses }, { by: 'attribute', attribute: 'x', descending }).ids,
  ];
  expect(order(false)).toEqual([4, 1, 3, 5, 0, 2]);
  expect(order(true)).toEqual([0, 5, 3, 1, 4, 2]);
});

test('mixed shows every class before any class twice', async () => {
  const dataset = await opened();
  const order = dataset.order({ by: 'mixed' });
  expect(new Set(Array.from(order.subarray(0, 40), (id) => dataset.columns.class[id])).size).toBe(40);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: COUNT }, (_, i) => i));
});

test('text is found whatever its case, and signs stand for themselves', async () => {
  const { index } = openLibrary();
  const dataset = await synthetic(index, 4);
  await dataset.paths.append(4, ['Ärger/100%_a.jpg', 'straße/b.jpg', 'x/100xya.jpg']);
  expect([...dataset.paths.containing('ärger')]).toEqual([4]);
  expect([...dataset.paths.containing('ÄRGER/100%_A')]).toEqual([4]);
  expect([...dataset.paths.containing('100%')]).toEqual([4]);
  expect([...dataset.paths.containing('\\')]).toEqual([]);
  expect([...dataset.paths.containing('IMG_0000003')]).toEqual([3]);
});
