import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DatasetIndex, facetsOf, groupsOf, searchDuplicates } from '../../../src/engine/data/index/index';
import { openLibrary } from './folders';
import { synthetic } from './synthetic';

const COUNT = 200_000;

/** Milliseconds; limits are generous, since tests share a busy machine. The numbers themselves: test/bench/dataset-index.ts. */
function timed<T>(limit: number, work: () => T): T {
  const start = performance.now();
  const result = work();
  expect(performance.now() - start).toBeLessThan(limit);
  return result;
}

test('200,000 pictures open, page, filter, sort and count quickly', async () => {
  const { index, folder } = openLibrary();
  await synthetic(index, COUNT);
  index.close();

  const again = DatasetIndex.open(join(folder, 'library.db'));
  const [dataset] = again.list;
  const sort = { by: 'shorter-side', descending: true } as const;
  const { pictures, leftOut } = dataset!.record.counts;
  expect(pictures + leftOut).toBe(COUNT);
  const list = timed(2000, () => dataset!.shown({}, sort));
  expect(list.ids.length).toBe(pictures);
  const { width, height, class: classes, size } = dataset!.columns;
  const side = (id: number): number => Math.min(width[id]!, height[id]!);
  for (let i = 1; i < list.ids.length; i++)
    if (side(list.ids[i - 1]!) < side(list.ids[i]!)) throw new Error(`${i} is out of order`);

  const page = timed(100, () => dataset!.rows(dataset!.shown({}, sort).ids.slice(100_000, 100_200)));
  expect(page.paths).toHaveLength(200);
  expect(page.paths[0]).toMatch(/^class \d\d\/IMG_\d{7}\.jpg$/);

  const filter = { text: 'img_00123', classes: [2], bytes: { from: 50_000 } };
  const found = timed(1000, () => dataset!.shown(filter, { by: 'path' }));
  const expected = Array.from({ length: 1000 }, (_, i) => 12_300 + i).filter(
    (id) =>
      String(id).padStart(7, '0').startsWith('00123') &&
      classes[id] === 2 &&
      size[id]! >= 50_000 &&
      !(dataset!.columns.flags[id]! & 8),
  );
  expect([...found.ids]).toEqual(expected);

  const facets = timed(1500, () => facetsOf(dataset!, { classes: [3, 4] }, 40));
  expect(facets.classes).toHaveLength(40);
  expect(facets.total).toBe(facets.bytes.counts.reduce((a, b) => a + b));
  const edit = timed(1500, () =>
    dataset!.edit(() => list.ids.slice(0, 50_000).forEach((id) => (dataset!.columns.flags[id]! |= 8))),
  );
  expect(edit.changed).toBe(50_000);
  expect(dataset!.record.counts.pictures).toBe(pictures - 50_000);
  timed(1500, () => dataset!.undo(edit.undo));
  expect(dataset!.record.counts.pictures).toBe(pictures);
  again.close();
});

test('near duplicates of 50,000 pictures are found in seconds', async () => {
  const { index } = openLibrary();
  const dataset = await synthetic(index, 50_000);
  const start = performance.now();
  await searchDuplicates(dataset, { signal: new AbortController().signal, report: () => undefined });
  expect(performance.now() - start).toBeLessThan(20_000);
  const groups = groupsOf(dataset, 0.95);
  expect(groups).toHaveLength(10_000);
  expect(groups.every(({ members, kind }) => members[1] === members[0]! + 1 && kind === 'nearly')).toBe(true);
  index.close();
});
