import { rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../support/temporary-folder';
import { picture, put } from '../data-index/folders';
import { serve } from './served-datasets';

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
