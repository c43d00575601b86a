import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../support/temporary-folder';
import { picture, put } from '../data-index/folders';
import { serve, withTwoClasses } from './served-datasets';

const byPath = { by: 'path' } as const;

test('a table of labels that is gone is said so: classes stay, and new pictures are held out too', async () => {
  const folder = temporaryFolder();
  const bytes = await picture(1, 64, 64).png().toBuffer();
  for (let i = 0; i < 20; i++) put(folder, `${i}.png`, bytes);
  const rows = Array.from({ length: 20 }, (_, i) => `${i}.png,${i % 2 ? 'odd' : 'even'}`);
  const table = put(temporaryFolder(), 'labels.csv', ['path,label', ...rows].join('\n'));
  const served = await serve();
  const { dataset: added } = await served.call('datasets.add', { folder, labels: { kind: 'table', file: table } });
  await served.idle();
  const { dataset } = added;
  rmSync(table);
  for (let i = 20; i < 40; i++) put(folder, `${i}.png`, bytes);
  await served.call('datasets.rescan', { dataset });
  await served.idle();
  const now = await served.call('datasets.get', { dataset });
  expect(now).toMatchObject({ state: 'ready', pictures: 40, heldOut: 4, classes: ['even', 'odd'] });
  expect(now.message).toMatch(/labels .* cannot be read \(gone\)/);
  expect(served.context.warnings.list).toMatchObject([{ code: 'labels-unread', dataset, over: false, message: now.message }]);

  await served.call('datasets.setLabels', { dataset, labels: { kind: 'none' } });
  expect(await served.call('datasets.get', { dataset })).toMatchObject({ message: null, classes: [] });
  expect(served.context.warnings.list).toMatchObject([{ code: 'labels-unread', over: true }]);
});

test('pictures that are all gone are listed as gone, and come back with their classes and choices', async () => {
  const { served, dataset, folder } = await withTwoClasses();
  await served.call('datasets.setClass', { dataset, pictures: Uint32Array.of(0), class: 'ducks' });
  await served.call('datasets.setUse', { dataset, pictures: Uint32Array.of(2), use: false });
  const all = { uses: ['used', 'left-out'] as ('used' | 'left-out')[] };
  const shown = async () => {
    const { ids } = await served.call('pictures.ids', { dataset, filter: all, sort: byPath });
    return (await served.call('pictures.rows', { dataset, ids })).rows;
  };
  const rescan = async () => {
    await served.call('datasets.rescan', { dataset });
    await served.idle();
    return served.call('datasets.get', { dataset });
  };
  const before = await shown();
  const away = temporaryFolder();
  for (const name of ['birds', 'fish']) renameSync(join(folder, name), join(away, name));
  const gone = await rescan();
  expect(gone).toMatchObject({ state: 'failed', pictures: 0, training: 0, leftOut: 0, lastScan: { files: 0, gone: 5 } });
  expect(gone.message).toMatch(/no pictures in .* any more: put them back/);
  expect((await shown()).paths).toEqual([]);
  await expect(served.context.datasets.pictures(dataset)).rejects.toThrow(/has no pictures to train on/);

  for (const name of ['birds', 'fish']) renameSync(join(away, name), join(folder, name));
  expect(await rescan()).toMatchObject({ state: 'ready', message: null, pictures: 4, leftOut: 1, classes: ['birds', 'ducks', 'fish'] });
  expect(await shown()).toEqual(before);
});
