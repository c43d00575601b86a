import { expect, test } from 'vitest';
import { Flag } from '../../../src/engine/data/index/index';
import { openLibrary } from './folders';
import { synthetic } from './synthetic';

test('names and searches bring no dataset into memory, and none out of it', async () => {
  const { index } = openLibrary();
  const ids: string[] = [];
  for (let i = 0; i < 6; i++) {
    const dataset = await synthetic(index, 3);
    dataset.columns.flags[1] = Flag.read;
    dataset.table.touch(1);
    dataset.save();
    dataset.unload();
    ids.push(dataset.id);
  }
  const nobody = (): boolean => false;
  const looked = index.get(ids[0]!, nobody)!;
  const { columns } = looked;
  expect(new Set(ids.map((id) => index.nameOf(id))).size).toBe(6);
  expect(index.nameOf('none')).toBeUndefined();
  const { pictures } = index.search('IMG_', 100);
  expect(pictures.map(({ dataset, picture }) => `${dataset} ${picture}`).sort()).toEqual(
    ids.flatMap((id) => [`${id} 0`, `${id} 2`]).sort(),
  );
  expect(looked.columns).toBe(columns);
  looked.sql.exec('DELETE FROM page');
  // Read only now.
  expect(ids.map((id) => index.get(id, nobody)!.columns.flags[0]! & Flag.present)).toEqual([1, 0, 0, 0, 0, 0]);
  index.close();
});
