import { rmSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../support/temporary-folder';
import { picture, put, twoClasses } from '../data-index/folders';
import { serve, withTwoClasses } from './served-datasets';

const keep = { rule: 'largest', preferHeldOut: false } as const;
const byPath = { by: 'path' } as const;

test('a broken picture tells what could be read; mended, it is used', async () => {
  const folder = await twoClasses();
  const whole = await picture(20, 400, 300).jpeg().toBuffer();
  put(folder, 'fish/cut.jpg', whole.subarray(0, Math.floor(whole.length * 0.6)));
  const served = await serve();
  const { dataset: added } = await served.call('datasets.add', { folder });
  await served.idle();
  const { dataset } = added;
  const { problems } = await served.call('problems.list', { dataset, from: 0, count: 10 });
  expect(problems).toMatchObject([{ path: 'fish/cut.jpg', kind: 'cut-short', done: 'left-out', seen: false }]);
  const id = problems[0]!.picture!;
  const detail = await served.call('problems.detail', { dataset, picture: id });
  expect(detail.readable!.share).toBeGreaterThan(0.3);
  expect(detail.readable!.share).toBeLessThan(0.9);
  expect(detail.claims).toBe('JPEG, 400 × 300 px');
  const png = await served.call('pictures.read', { dataset, picture: id, size: 2048, partial: true });
  const { data, info } = await sharp(png.bytes).raw().toBuffer({ resolveWithObject: true });
  expect(info).toMatchObject({ width: 400, height: 300, channels: 4 });
  expect([data[3], data.at(-1)]).toEqual([255, 0]);
  await served.call('problems.see', { dataset, kind: 'cut-short' });
  expect(await served.call('datasets.get', { dataset })).toMatchObject({ problems: 1, unseenProblems: 0, unreadable: 1 });
  expect((await served.call('problems.table', { dataset })).text).toContain('fish/cut.jpg,cut-short,Ends at line');

  put(folder, 'fish/cut.jpg', whole);
  await served.call('problems.retry', { dataset, kind: 'cut-short' });
  await served.idle();
  expect(await served.call('datasets.get', { dataset })).toMatchObject({ problems: 0, unreadable: 0, pictures: 6 });
});

test('duplicates are grouped, decided, separated and left out', async () => {
  const folder = await twoClasses();
  const original = await picture(30, 320, 240).jpeg({ quality: 95 }).toBuffer();
  put(folder, 'birds/original.jpg', original);
  put(folder, 'fish/copy.jpg', original);
  put(folder, 'birds/smaller.jpg', await sharp(original).resize(160, 120).jpeg({ quality: 70 }).toBuffer());
  put(folder, 'fish/e copy.jpg', await picture(5, 160, 72).jpeg().toBuffer());
  const served = await serve();
  const { dataset: added } = await served.call('datasets.add', { folder });
  await served.idle();
  const { dataset } = added;
  const summary = { dataset, threshold: 0.95, keep };
  expect(await served.call('duplicates.summary', summary)).toMatchObject({ search: null, files: 0 });
  await served.call('duplicates.search', { dataset, by: { kind: 'hash' } });
  await served.idle();
  expect(await served.call('duplicates.summary', summary)).toMatchObject({
    sameFile: 1,
    nearly: 1,
    files: 5,
    acrossClasses: 1,
    toLeaveOut: 3,
    remaining: 6,
  });
  expect((await served.call('datasets.get', { dataset })).duplicateGroups).toBe(2);
  const shown = { dataset, threshold: 0.95, kinds: ['same-file', 'nearly'] as ('same-file' | 'nearly')[], keep };
  const { groups } = await served.call('duplicates.groups', { ...shown, from: 0, count: 10 });
  const nearly = groups.find(({ kind }) => kind === 'nearly')!;
  expect(nearly.members.map(({ path }) => path)).toEqual(['birds/original.jpg', 'birds/smaller.jpg', 'fish/copy.jpg']);
  expect(nearly.members.map((member) => member.keep)).toEqual([true, false, false]);
  expect(groups.find(({ kind }) => kind === 'same-file')).toMatchObject({ similarity: 1, remark: '' });
  const compared = await served.call('duplicates.compare', {
    dataset,
    first: nearly.members[0]!.picture,
    second: nearly.members[2]!.picture,
  });
  expect(compared).toEqual({ hashBits: 0, sameFile: true });

  const chosen = Uint32Array.of(nearly.members[1]!.picture);
  await served.call('duplicates.decide', { dataset, group: nearly.group, threshold: 0.95, keep: chosen });
  const applied = await served.call('duplicates.apply', shown);
  expect(applied.changed).toBe(3);
  expect(await served.call('datasets.get', { dataset })).toMatchObject({ pictures: 6, leftOut: 3 });
  const { ids } = await served.call('pictures.ids', { dataset, filter: { uses: ['left-out'] }, sort: byPath });
  const { rows: left } = await served.call('pictures.rows', { dataset, ids });
  expect(left.paths).toContain('birds/original.jpg');
  expect(left.paths).not.toContain('birds/smaller.jpg');
  await served.call('datasets.undo', { dataset, undo: applied.undo });
  expect(await served.call('datasets.get', { dataset })).toMatchObject({ pictures: 9, leftOut: 0 });

  const pictures = Uint32Array.from(nearly.members, (member) => member.picture);
  const apart = await served.call('duplicates.separate', { dataset, pictures });
  expect(await served.call('duplicates.summary', summary)).toMatchObject({ sameFile: 1, nearly: 0 });
  await served.call('datasets.undo', { dataset, undo: apart.undo });
  expect(await served.call('duplicates.summary', summary)).toMatchObject({ sameFile: 1, nearly: 1 });
});

test('after a rescan that finds other pictures they are compared anew, where they were before', async () => {
  const { served, dataset, folder } = await withTwoClasses();
  const copy = await picture(30, 320, 240).jpeg().toBuffer();
  const rescan = async () => {
    await served.call('datasets.rescan', { dataset });
    await served.idle();
    return served.call('datasets.get', { dataset });
  };
  for (const path of ['birds/1.jpg', 'fish/2.jpg']) put(folder, path, copy);
  expect(await rescan()).toMatchObject({ pictures: 7, duplicateGroups: null });
  await served.call('duplicates.search', { dataset, by: { kind: 'hash' } });
  await served.idle();
  put(folder, 'fish/3.jpg', copy);
  expect(await rescan()).toMatchObject({ pictures: 8, duplicateGroups: 1 });
  const summary = { dataset, threshold: 0.95, keep };
  expect(await served.call('duplicates.summary', summary)).toMatchObject({ sameFile: 1, files: 3, search: { outdated: false } });
  rmSync(join(folder, 'fish/3.jpg'));
  rmSync(join(folder, 'birds/1.jpg'));
  expect(await rescan()).toMatchObject({ pictures: 6, duplicateGroups: 0 });
});

test('what broke during a run is listed, and used again', async () => {
  const { served, dataset } = await withTwoClasses();
  served.context.datasets.noteBroken(dataset, [
    { path: 'fish/d.jpg', reason: 'truncated file' },
    { path: 'not/here.jpg', reason: 'gone' },
  ]);
  const { problems } = await served.call('problems.list', { dataset, from: 0, count: 10 });
  expect(problems).toMatchObject([{ path: 'fish/d.jpg', kind: 'broke-in-run', message: 'Truncated file', done: 'used', seen: false }]);
  expect(await served.call('datasets.get', { dataset })).toMatchObject({ pictures: 5, problems: 1, unseenProblems: 1 });
  await served.call('problems.retry', { dataset, kind: 'broke-in-run' });
  await served.idle();
  expect(await served.call('datasets.get', { dataset })).toMatchObject({ problems: 0 });
});

test('statistics count at once, and measure colours by a task', async () => {
  const folder = temporaryFolder();
  const plain = (colour: string) =>
    sharp({ create: { width: 120, height: 90, channels: 3, background: colour } })
      .png()
      .toBuffer();
  for (const [path, colour] of [
    ['red/1.png', '#ff0000'],
    ['red/2.png', '#800000'],
    ['blue/1.png', '#0000ff'],
  ] as const) {
    put(folder, path, await plain(colour));
  }
  const served = await serve();
  const { dataset: added } = await served.call('datasets.add', { folder });
  await served.idle();
  const { dataset } = added;
  const first = await served.call('statistics.get', { dataset, enlargedBelow: 100 });
  expect(first).toMatchObject({ pictures: 3, enlarged: 3, colour: null });
  expect(first.task).not.toBeNull();
  expect(first.sizes.counts.reduce((a, b) => a + b)).toBe(3);
  await served.idle();
  const { colour, brightness, task } = await served.call('statistics.get', { dataset, enlargedBelow: 50 });
  expect(task).toBeNull();
  // Thumbnails are compressed: a level or two.
  expect(colour!.mean[0]).toBeCloseTo((255 + 128) / 3 / 255, 1);
  expect(colour!.mean[2]).toBeCloseTo(1 / 3, 1);
  expect(brightness!.counts.reduce((a, b) => a + b)).toBe(3);
  const { pictures } = await served.call('statistics.meanPictures', { dataset, classes: [0, 1] });
  const [blue, red] = pictures.map(({ image }) => [...image!.rgba.subarray(0, 3)]);
  expect(blue![2]).toBeGreaterThan(240);
  expect(Math.abs(red![0]! - 191)).toBeLessThan(8);
  expect((await served.call('statistics.table', { dataset })).text).toContain('red/1.png,red,');
});
