import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DEFAULT_THRESHOLD, groupsOf, isOutdated, lastSearch, searchDuplicates } from '../../../src/engine/data/index/index';
import { indexed, pathsOf, picture, put, scan, twoClasses } from './folders';

const progress = { signal: new AbortController().signal, report: () => undefined };

test('groups outlive the picture they were found by, and tell that they are older than the pictures', async () => {
  const folder = await twoClasses();
  const original = await picture(30, 320, 240).jpeg({ quality: 95 }).toBuffer();
  for (const path of ['birds/1.jpg', 'birds/2.jpg', 'fish/3.jpg']) put(folder, path, original);
  put(folder, 'fish/4.jpg', await picture(30, 320, 240).jpeg({ quality: 80 }).toBuffer());
  const { library, dataset } = await indexed(folder);
  const groups = () => groupsOf(dataset, DEFAULT_THRESHOLD).map(({ members }) => pathsOf(dataset, members));
  await searchDuplicates(dataset, progress);
  expect(groups()).toEqual([['birds/1.jpg', 'birds/2.jpg', 'fish/3.jpg', 'fish/4.jpg']]);
  await scan(dataset, library);
  expect(isOutdated(dataset, lastSearch(dataset)!)).toBe(false);

  rmSync(join(folder, 'birds/1.jpg'));
  await scan(dataset, library);
  expect(groups()).toEqual([['birds/2.jpg', 'fish/3.jpg', 'fish/4.jpg']]);
  expect(isOutdated(dataset, lastSearch(dataset)!)).toBe(true);

  put(folder, 'birds/2.jpg', await picture(31, 320, 240).jpeg().toBuffer());
  rmSync(join(folder, 'fish/4.jpg'));
  await scan(dataset, library);
  expect(groups()).toEqual([]);
  expect(dataset.record.duplicateGroups).toBe(0);
  await searchDuplicates(dataset, progress);
  expect(isOutdated(dataset, lastSearch(dataset)!)).toBe(false);
});
