import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { makeManifest, writeLabelsFile } from '../../../src/engine/data';
import type { Result } from '../../../src/engine/protocol';
import { temporaryFolder } from '../../support/temporary-folder';
import { picture, put, twoClasses } from '../data-index/folders';
import { endLast, serve, withTwoClasses } from './served-datasets';

const byPath = { by: 'path' } as const;

test('a folder is added, read, and shown in rows and facets', async () => {
  const { served, dataset } = await withTwoClasses();
  const view = await served.call('datasets.get', { dataset });
  expect(view).toMatchObject({ dataset, state: 'ready', pictures: 5, classes: ['birds', 'fish'], problems: 0, task: null });
  const { rows } = await served.call('pictures.rows', { dataset, ids: Uint32Array.of(1, 2) });
  expect(rows.paths).toEqual(['birds/b.png', 'birds/c.webp']);
  const { ids } = await served.call('pictures.ids', { dataset, filter: { classes: [1] }, sort: byPath });
  expect([...ids]).toEqual([3, 4]);
  const facets = await served.call('pictures.facets', {
    dataset,
    filter: { classes: [1] },
    bins: 8,
    selection: Uint32Array.of(0, 3),
  });
  expect(facets).toMatchObject({
    total: 2,
    classes: [
      { index: 0, count: 3, selected: 1 },
      { index: 1, count: 2, selected: 1 },
    ],
    uses: { used: 2, leftOut: 0, unreadable: 0 },
  });
  expect(facets.bytes.counts.reduce((a, b) => a + b)).toBe(2);
  const detail = await served.call('pictures.detail', { dataset, picture: 1 });
  expect(detail).toMatchObject({
    path: 'birds/b.png',
    format: 'PNG',
    colours: '8-bit RGB',
    present: true,
    use: 'used',
    width: 100,
  });
});

test('edits are taken back one by one, and again', async () => {
  const { served, dataset } = await withTwoClasses();
  const classes = async (): Promise<unknown> => {
    const { rows } = await served.call('pictures.rows', { dataset, ids: Uint32Array.of(0, 1, 2, 3, 4) });
    return [(await served.call('datasets.get', { dataset })).classes, [...rows.classes], [...rows.uses]];
  };
  const before = await classes();
  const ducks = await served.call('datasets.setClass', { dataset, pictures: Uint32Array.of(0, 4), class: 'ducks' });
  expect(ducks.changed).toBe(2);
  expect(await classes()).toEqual([
    ['birds', 'ducks', 'fish'],
    [1, 0, 0, 2, 1],
    [0, 0, 0, 0, 0],
  ]);
  const out = await served.call('datasets.setUse', { dataset, pictures: Uint32Array.of(2), use: false });
  expect(out.changed).toBe(1);
  expect(await served.call('datasets.get', { dataset })).toMatchObject({ pictures: 4, leftOut: 1 });
  await served.call('datasets.undo', { dataset, undo: out.undo });
  const back = await served.call('datasets.undo', { dataset, undo: ducks.undo });
  expect(await classes()).toEqual(before);
  await served.call('datasets.undo', { dataset, undo: back.undo });
  expect(await classes()).toEqual([
    ['birds', 'ducks', 'fish'],
    [1, 0, 0, 2, 1],
    [0, 0, 0, 0, 0],
  ]);
  await expect(served.call('datasets.undo', { dataset, undo: ducks.undo })).rejects.toMatchObject({ code: 'not-found' });
});

test('a table gives classes, sides and attributes, and says what does not match', async () => {
  const { served, dataset, folder } = await withTwoClasses();
  const file = join(temporaryFolder(), 'labels.csv');
  const rows = ['birds/a.jpg,owl,train,Oslo,3', 'birds/b.png,owl,val,Rome,', 'fish/d.jpg,cod,,Oslo,5.5', 'fish/none.jpg,cod,,,'];
  writeFileSync(file, ['path,label,split,place,depth', ...rows].join('\n'));
  const outcome = await served.call('datasets.setLabels', { dataset, labels: { kind: 'table', file } });
  expect(outcome).toMatchObject({ labelled: 3, classes: 2, unmatched: 1 });
  const view = await served.call('datasets.get', { dataset });
  expect(view.classes).toEqual(['cod', 'owl']);
  expect(view.attributes).toEqual([
    { name: 'place', kind: 'text', values: 2 },
    { name: 'depth', kind: 'number', values: 2 },
  ]);
  expect(view.problems).toBe(3);
  const groups = await served.call('problems.groups', { dataset });
  expect(groups.groups.map(({ kind, count }) => [kind, count])).toEqual([
    ['not-in-table', 2],
    ['no-such-picture', 1],
  ]);
  const heldOut = await served.call('pictures.ids', { dataset, filter: { split: 'held-out', classes: [1] }, sort: byPath });
  expect([...heldOut.ids]).toEqual([1]);
  const oslo = { attributes: [{ name: 'place', values: ['Oslo'] }] };
  expect([...(await served.call('pictures.ids', { dataset, filter: oslo, sort: byPath })).ids]).toEqual([0, 3]);
  const deep = { attributes: [{ name: 'depth', range: { from: 4 } }] };
  expect([...(await served.call('pictures.ids', { dataset, filter: deep, sort: byPath })).ids]).toEqual([3]);
  const values = await served.call('pictures.attributeValues', { dataset, filter: oslo, name: 'place', from: 0, count: 10 });
  expect(values.values).toEqual([
    { value: '', count: 2 },
    { value: 'Oslo', count: 2 },
    { value: 'Rome', count: 1 },
  ]);
  const ids = Uint32Array.of(1, 0, 4);
  const places = await served.call('pictures.attribute', { dataset, name: 'place', ids });
  expect(places).toEqual({ kind: 'text', values: ['Rome', 'Oslo'], codes: Int32Array.of(0, 1, -1) });
  const depths = await served.call('pictures.attribute', { dataset, name: 'depth', ids });
  expect(depths).toEqual({ kind: 'number', numbers: Float64Array.of(NaN, 3, NaN) });
  await served.call('datasets.undo', { dataset, undo: outcome.undo });
  expect(await served.call('datasets.get', { dataset })).toMatchObject({
    classes: ['birds', 'fish'],
    attributes: [],
    problems: 0,
  });
  expect(folder).not.toBe('');
});

test('hold-out by share and by number, sides by hand', async () => {
  const { served, dataset } = await withTwoClasses();
  const each = await served.call('datasets.setHoldOut', { dataset, holdOut: { kind: 'each', count: 1, seed: 3 } });
  expect(await served.call('datasets.get', { dataset })).toMatchObject({ training: 3, heldOut: 2 });
  await served.call('datasets.undo', { dataset, undo: each.undo });
  await served.call('datasets.setSplit', { dataset, pictures: Uint32Array.of(0, 1, 2), split: 'held-out' });
  await served.call('datasets.setHoldOut', { dataset, holdOut: { kind: 'share', share: 0, seed: 0 } });
  expect(await served.call('datasets.get', { dataset })).toMatchObject({ training: 2, heldOut: 3 });
});

test('bytes of pictures are served at their sizes, and of nothing else', async () => {
  const { served, dataset, folder } = await withTwoClasses();
  const read = (picture: number, size: number, partial = false): Promise<Result<'pictures.read'>> =>
    served.call('pictures.read', { dataset, picture, size, partial });
  const thumbnail = await read(0, 64);
  expect(thumbnail.type).toBe('image/webp');
  expect(await sharp(thumbnail.bytes).metadata()).toMatchObject({ format: 'webp', width: 64 });
  expect((await read(0, 64)).bytes).toEqual(thumbnail.bytes);
  // Never enlarged.
  expect(await sharp((await read(0, 2048)).bytes).metadata()).toMatchObject({ format: 'jpeg', width: 80, height: 72 });
  await expect(read(0, 100)).rejects.toMatchObject({ code: 'not-found' });
  await expect(read(99, 64)).rejects.toMatchObject({ code: 'not-found' });

  // A picture whose place was taken by a link to elsewhere, and a folder that became one.
  const outside = await twoClasses();
  rmSync(join(folder, 'fish/d.jpg'));
  symlinkSync(join(outside, 'fish/d.jpg'), join(folder, 'fish/d.jpg'));
  await expect(read(3, 128)).rejects.toMatchObject({ code: 'not-found' });
  rmSync(join(folder, 'birds'), { recursive: true });
  symlinkSync(join(outside, 'birds'), join(folder, 'birds'));
  await expect(read(1, 512)).rejects.toMatchObject({ code: 'not-found' });
});

test('a folder that is gone is said so, and comes back', async () => {
  const { served, dataset, folder } = await withTwoClasses();
  renameSync(folder, `${folder}-away`);
  await served.call('datasets.open', { dataset });
  expect(await served.call('datasets.get', { dataset })).toMatchObject({ state: 'gone', pictures: 5 });
  expect(served.context.warnings.list).toMatchObject([{ code: 'dataset-gone', dataset }]);
  await expect(served.context.datasets.pictures(dataset)).rejects.toThrow(/is not there/);
  await expect(served.call('datasets.rescan', { dataset })).rejects.toThrow(/cannot be read/);
  const moved = await served.call('datasets.update', { dataset, folder: `${folder}-away` });
  expect(moved.folder).toBe(`${folder}-away`);
  await served.idle();
  expect(await served.call('datasets.get', { dataset })).toMatchObject({ state: 'ready', pictures: 5 });
  expect(served.context.warnings.list.every(({ over }) => over)).toBe(true);
});

test('runs get the used pictures with classes and sides', async () => {
  const { served, dataset, folder } = await withTwoClasses();
  await served.call('datasets.setUse', { dataset, pictures: Uint32Array.of(1), use: false });
  const { manifest, allowBad, name } = await served.context.datasets.pictures(dataset);
  expect(name).toBe((await served.call('datasets.get', { dataset })).name);
  expect(manifest).toMatchObject({ root: folder, classes: ['birds', 'fish'] });
  expect(manifest.pictures.map(({ path, label }) => [path, label])).toEqual([
    ['birds/a.jpg', 0],
    ['birds/c.webp', 0],
    ['fish/d.jpg', 1],
    ['fish/e.jpg', 1],
  ]);
  expect(allowBad).toBe(true);
  // Made once until something changes.
  expect((await served.context.datasets.pictures(dataset)).manifest).toBe(manifest);
  await served.call('datasets.setSplit', { dataset, pictures: Uint32Array.of(2), split: 'held-out' });
  const { manifest: other } = await served.context.datasets.pictures(dataset);
  expect(other.pictures[1]).toMatchObject({ path: 'birds/c.webp', split: 'held-out' });
  expect(await served.context.datasets.find(dataset, ['fish/e.jpg', 'nothing'])).toEqual([4, null]);
  expect(await served.context.datasets.search('FISH', 1)).toMatchObject({ pictures: [{ path: 'fish/d.jpg' }], more: true });
  expect(served.context.datasets.byFolder(folder)).toBe(dataset);
  expect(served.context.datasets.totals()).toEqual({ datasets: 1, pictures: 4 });
});

test('what a run gets can be had from the folder again by a file of labels', async () => {
  const { served, dataset, folder } = await withTwoClasses();
  put(folder, 'fish/broken.jpg', 'no picture');
  put(folder, '_old/a.png', await picture(9).png().toBuffer());
  const file = put(folder, 'table.csv', 'path,label,split\nbirds/a.jpg, x ,held-out\nbirds/b.png,gone,left-out\nfish/d.jpg,"y, ""z""",train\n');
  await served.call('datasets.update', { dataset, ignore: ['_old/*'] });
  await served.idle();
  await served.call('datasets.setLabels', { dataset, labels: { kind: 'table', file } });
  expect(await served.call('datasets.get', { dataset })).toMatchObject({ leftOut: 1, classes: ['gone', 'x', 'y, "z"'] });
  await served.call('datasets.setUse', { dataset, pictures: Uint32Array.of(4), use: false });
  await served.call('datasets.setUse', { dataset, pictures: Uint32Array.of(1), use: true });
  await served.call('datasets.rescan', { dataset });
  await served.idle();
  expect(await served.call('datasets.get', { dataset })).toMatchObject({ leftOut: 1, pictures: 4 });
  await served.call('datasets.setUse', { dataset, pictures: Uint32Array.of(1), use: false });
  const { manifest } = await served.context.datasets.pictures(dataset);
  expect(manifest.classes).toEqual(['x', 'y, "z"']);
  expect(manifest.pictures.map(({ path, label, split }) => [path, label, split])).toEqual([
    ['birds/a.jpg', 0, 'held-out'],
    ['birds/c.webp', -1, expect.stringMatching(/train|held-out/) as string],
    ['fish/d.jpg', 1, 'train'],
  ]);
  const labelsFile = put(folder, 'labels.csv', '');
  await writeLabelsFile(labelsFile, manifest);
  expect((await makeManifest(folder, { labelsFile, seed: 5 })).manifest).toEqual(manifest);
});

test('sample pictures are drawn once, and read', async () => {
  const served = await serve();
  const { dataset: added } = await served.call('datasets.makeSample', { count: 12, seed: 5 });
  expect(added).toMatchObject({ sample: true, state: 'indexing' });
  await served.idle();
  const view = await served.call('datasets.get', { dataset: added.dataset });
  expect(view).toMatchObject({ state: 'ready', pictures: 12, name: 'Sample pictures' });
  expect(view.classes).toHaveLength(12);
  expect(await served.call('datasets.makeSample', { count: 12, seed: 5 })).toMatchObject({ existed: true });
});

test('removing forgets index and thumbnails, and leaves the pictures', async () => {
  const { served, dataset, folder } = await withTwoClasses();
  await served.call('datasets.remove', { dataset });
  await expect(served.call('datasets.get', { dataset })).rejects.toMatchObject({ code: 'not-found' });
  expect(served.context.datasets.totals().datasets).toBe(0);
  expect((await served.call('datasets.add', { folder })).existed).toBe(false);
  await served.idle();
});

test('an index that was broken off by the engine ending goes on when it starts again; a cancelled one waits', async () => {
  const folder = temporaryFolder();
  for (let i = 0; i < 120; i++) put(folder, `${i}.jpg`, await picture(i, 300, 300).jpeg().toBuffer());
  const library = temporaryFolder();
  mkdirSync(library, { recursive: true });
  const first = await serve(library);
  const { dataset } = (await first.call('datasets.add', { folder })).dataset;
  await new Promise((resolve) => setTimeout(resolve, 300));
  await endLast();

  const second = await serve(library);
  const going = await second.call('datasets.get', { dataset });
  expect(going.state).toBe('indexing');
  second.context.tasks.cancel(going.task!);
  await second.idle();
  expect(await second.call('datasets.get', { dataset })).toMatchObject({ state: 'partial' });
  await endLast();

  const third = await serve(library);
  expect(await third.call('datasets.get', { dataset })).toMatchObject({ state: 'partial', task: null });
  await third.call('datasets.rescan', { dataset });
  await third.idle();
  expect(await third.call('datasets.get', { dataset })).toMatchObject({ state: 'ready', pictures: 120 });
});
