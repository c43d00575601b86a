import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DatasetIndex, Flag, lookAt, problemGroups, problemRows, scanDataset } from '../../../src/engine/data/index/index';
import { takeLooks } from '../../../src/engine/data/index/scan';
import { temporaryFolder } from '../../support/temporary-folder';
import { indexed, openLibrary, pathsOf, picture, pool, put, scan, twoClasses } from './folders';

const byPath = { by: 'path' } as const;

test('a folder becomes rows with sizes, classes, hashes and a split', async () => {
  const { dataset } = await indexed(await twoClasses());
  const { record } = dataset;
  expect(record).toMatchObject({ state: 'ready', going: false, classes: ['birds', 'fish'] });
  expect(record.counts).toMatchObject({ pictures: 5, unreadable: 0, leftOut: 0 });
  const rows = dataset.rows(dataset.shown({}, byPath).ids);
  expect(rows.paths).toEqual(['birds/a.jpg', 'birds/b.png', 'birds/c.webp', 'fish/d.jpg', 'fish/e.jpg']);
  expect([...rows.widths]).toEqual([80, 100, 120, 140, 160]);
  expect([...rows.heights]).toEqual([72, 72, 72, 72, 72]);
  expect([...rows.classes]).toEqual([0, 0, 0, 1, 1]);
  expect(record.lastScan).toMatchObject({ files: 5, added: 5, changed: 0, gone: 0 });
  expect(record.counts.training + record.counts.heldOut).toBe(5);
});

test('what was indexed is there after the library was opened again', async () => {
  const { library, dataset } = await indexed(await twoClasses());
  const before = dataset.rows(dataset.shown({}, byPath).ids);
  const hashes = dataset.hashes.hashLow.slice(0, 5);
  library.index.close();
  const again = DatasetIndex.open(join(library.folder, 'library.db'));
  const [same] = again.list;
  expect(same!.rows(same!.shown({}, byPath).ids)).toEqual(before);
  expect(same!.hashes.hashLow.slice(0, 5)).toEqual(hashes);
  expect(hashes.some((word) => word !== 0)).toBe(true);
  again.close();
});

test('a rescan sees new, changed and gone files and keeps ids', async () => {
  const folder = await twoClasses();
  const { library, dataset } = await indexed(folder);
  const [a, , c] = dataset.paths.find(['birds/a.jpg', 'birds/b.png', 'birds/c.webp']);
  put(folder, 'birds/0-new.jpg', await picture(9).jpeg().toBuffer());
  put(folder, 'birds/a.jpg', await picture(10, 200, 100).jpeg().toBuffer());
  rmSync(join(folder, 'birds/b.png'));
  await scan(dataset, library);
  expect(dataset.record.lastScan).toMatchObject({ added: 1, changed: 1, gone: 1, files: 5 });
  const { ids } = dataset.shown({}, byPath);
  expect(pathsOf(dataset, ids)).toEqual(['birds/0-new.jpg', 'birds/a.jpg', 'birds/c.webp', 'fish/d.jpg', 'fish/e.jpg']);
  expect([...ids]).toEqual([5, a, c, 3, 4]);
  expect(dataset.columns.width[a!]).toBe(200);
  expect(dataset.columns.version[a!]).toBe(2);
  expect(dataset.columns.version[c!]).toBe(1);

  put(folder, 'birds/b.png', await picture(2).png().toBuffer());
  await scan(dataset, library);
  expect(dataset.shown({}, byPath).ids).toContain(1);
});

test('a rescan keeps the side of old pictures and classes set by hand', async () => {
  const folder = temporaryFolder();
  for (let i = 0; i < 20; i++) put(folder, `${i % 2 ? 'odd' : 'even'}/${i}.png`, await picture(i, 70, 70).png().toBuffer());
  const { library, dataset } = await indexed(folder);
  expect(dataset.record.counts).toMatchObject({ training: 18, heldOut: 2 });
  dataset.edit(() => {
    dataset.columns.class[0] = 1 - dataset.columns.class[0]!;
    dataset.columns.flags[0]! |= Flag.classByHand;
  });
  const before = { flags: dataset.columns.flags.slice(0, 20), classes: dataset.columns.class.slice(0, 20) };
  for (let i = 20; i < 40; i++) put(folder, `${i % 2 ? 'odd' : 'even'}/${i}.png`, await picture(i, 70, 70).png().toBuffer());
  await scan(dataset, library);
  expect(dataset.columns.flags.slice(0, 20)).toEqual(before.flags);
  expect(dataset.columns.class.slice(0, 20)).toEqual(before.classes);
  expect(dataset.record.counts.pictures).toBe(40);
  expect(dataset.record.counts.heldOut).toBe(4);
});

test('broken pictures are left out with a reason, odd ones are used', async () => {
  const folder = await twoClasses();
  const whole = await picture(20, 400, 300).jpeg().toBuffer();
  put(folder, 'fish/cut.jpg', whole.subarray(0, Math.floor(whole.length * 0.6)));
  put(folder, 'fish/empty.png', '');
  put(folder, 'fish/page.jpg', '<!DOCTYPE html><html><body>Not found</body></html>');
  put(folder, 'fish/text.png', 'just some words\n');
  put(folder, 'fish/small.png', await picture(21, 32, 32).png().toBuffer());
  put(folder, 'fish/long.png', await picture(22, 700, 100).png().toBuffer());
  put(folder, 'fish/really.jpg', await picture(23).png().toBuffer());
  const { dataset } = await indexed(folder);
  expect(dataset.record.counts).toMatchObject({ pictures: 8, unreadable: 4, problems: 7, unseenProblems: 7 });
  const { problems } = problemRows(dataset, { from: 0, count: 100 });
  const messages = Object.fromEntries(problems.map(({ path, kind, message, done }) => [path, [kind, done, message]]));
  expect(messages['fish/cut.jpg']!.slice(0, 2)).toEqual(['cut-short', 'left-out']);
  const [, lines] = /^Ends at line (\d+) of 300$/.exec(messages['fish/cut.jpg']![2]!)!;
  expect(Number(lines)).toBeGreaterThan(100);
  expect(Number(lines)).toBeLessThan(260);
  expect(messages['fish/empty.png']).toEqual(['empty', 'left-out', '0 bytes']);
  expect(messages['fish/page.jpg']).toEqual(['not-a-picture', 'left-out', 'A web page saved as .jpg']);
  expect(messages['fish/text.png']).toEqual(['not-a-picture', 'left-out', 'Text saved as .png']);
  expect(messages['fish/small.png']).toEqual(['very-small', 'used', '32 × 32 px']);
  expect(messages['fish/long.png']![0]).toBe('very-long');
  expect(messages['fish/really.jpg']).toEqual(['wrong-ending', 'used', 'A PNG saved as .jpg']);
  const groups = problemGroups(dataset);
  expect(groups.map(({ severity }) => severity)).toEqual([...groups.map(({ severity }) => severity)].sort());
  expect(groups.find(({ kind }) => kind === 'not-a-picture')).toMatchObject({ count: 2, unseen: 2, title: 'Not a picture' });
});

test('classes count that have a picture that can be read', async () => {
  const folder = await twoClasses();
  put(folder, 'frogs/page.jpg', '<!DOCTYPE html><html><body>Not found</body></html>');
  const { dataset } = await indexed(folder);
  expect(dataset.record).toMatchObject({ classes: ['birds', 'fish', 'frogs'], counts: { classCount: 2 } });
});

test('a cancelled scan keeps what it read, and goes on after the program started anew', async () => {
  const folder = temporaryFolder();
  for (let i = 0; i < 60; i++) put(folder, `${i}.png`, await picture(i, 64, 64).png().toBuffer());
  const library = openLibrary();
  const { dataset } = await library.index.add(folder, { kind: 'none' });
  const cancel = new AbortController();
  const report = (done: number, total: number | null): void => {
    if (total !== null && done >= 20) cancel.abort();
  };
  await expect(scanDataset(dataset, { pool, thumbnails: undefined, signal: cancel.signal, report })).rejects.toThrow();
  expect(dataset.record.state).toBe('partial');
  const { pictures } = dataset.record.counts;
  expect(pictures).toBeGreaterThanOrEqual(20);
  expect(pictures).toBeLessThan(60);
  library.index.close();

  const again = openLibrary(library.folder);
  const [same] = again.index.list;
  let total = 0;
  await scanDataset(same!, {
    pool,
    thumbnails: undefined,
    signal: new AbortController().signal,
    report: (_, all) => (total = all ?? total),
  });
  expect(total).toBe(60 - pictures);
  expect(same!.record).toMatchObject({ state: 'ready', counts: { pictures: 60 } });
});

test('a removed folder is said so, and the rows stay', async () => {
  const folder = await twoClasses();
  const { library, dataset } = await indexed(folder);
  renameSync(folder, `${folder}-away`);
  await expect(scan(dataset, library)).rejects.toThrow(/cannot be read \(gone\)/);
  expect(dataset.record.counts.pictures).toBe(5);
  renameSync(`${folder}-away`, folder);
  await scan(dataset, library);
  expect(dataset.record).toMatchObject({ state: 'ready', message: null });
});

test('links out of the folder are not followed, and are listed', async () => {
  const outside = await twoClasses();
  const folder = await twoClasses();
  symlinkSync(join(outside, 'birds'), join(folder, 'elsewhere'));
  symlinkSync(join(outside, 'birds/a.jpg'), join(folder, 'fish/linked.jpg'));
  symlinkSync(join(folder, 'birds/a.jpg'), join(folder, 'fish/inside.jpg'));
  const { dataset } = await indexed(folder);
  expect(dataset.record.counts.pictures).toBe(6);
  const { problems } = problemRows(dataset, { kinds: ['unreadable-folder'], from: 0, count: 10 });
  expect(problems.map(({ path }) => path)).toEqual(['elsewhere', 'fish/linked.jpg']);
});

test('a picture that became a link out of the folder after it was listed counts as gone', async () => {
  const folder = await twoClasses();
  const { library, dataset } = await indexed(folder);
  const outside = join(temporaryFolder(), 'a.jpg');
  renameSync(join(folder, 'birds/a.jpg'), outside);
  symlinkSync(outside, join(folder, 'birds/a.jpg'));
  const { thumbnails } = library;
  await lookAt(dataset, Uint32Array.of(0, 1), { pool, thumbnails, signal: new AbortController().signal, report: () => undefined });
  expect([dataset.has(0), dataset.has(1)]).toEqual([false, true]);
});

test('ignored names are no pictures', async () => {
  const folder = await twoClasses();
  const { library, dataset } = await indexed(folder);
  dataset.record.ignore = ['*.PNG', 'fish/e*'];
  await scan(dataset, library);
  expect(pathsOf(dataset, dataset.shown({}, byPath).ids)).toEqual(['birds/a.jpg', 'birds/c.webp', 'fish/d.jpg']);
});

test('a scan stops at an unreadable file where it is told to', async () => {
  const folder = await twoClasses();
  put(folder, 'birds/b.png', 'words');
  const library = openLibrary();
  const { dataset } = await library.index.add(folder, { kind: 'folders' });
  dataset.record.whenUnreadable = 'stop';
  await expect(scan(dataset, library)).rejects.toThrow(/stopped at birds\/b\.png \(text saved as \.png\)/);
  expect(dataset.record.state).toBe('failed');
});

test('a file without permission is read once it has it', async () => {
  if (process.getuid?.() === 0) return;
  const folder = await twoClasses();
  chmodSync(join(folder, 'birds/a.jpg'), 0);
  const { library, dataset } = await indexed(folder);
  expect(problemGroups(dataset)).toMatchObject([{ kind: 'no-permission', count: 1 }]);
  chmodSync(join(folder, 'birds/a.jpg'), 0o644);
  await scan(dataset, library);
  expect(dataset.record.counts).toMatchObject({ pictures: 5, problems: 0 });
});

test('the same folder is one dataset; folders of the library are refused; names get numbers', async () => {
  const folder = await twoClasses();
  const library = openLibrary();
  const first = await library.index.add(folder, { kind: 'folders' });
  expect(await library.index.add(`${folder}/../${folder.split('/').at(-1)}`, { kind: 'none' })).toEqual({
    ...first,
    existed: true,
  });
  await expect(library.index.add(library.folder, { kind: 'none' })).rejects.toThrow(/belongs to the library/);
  await expect(library.index.add(join(folder, 'no'), { kind: 'none' })).rejects.toThrow(/cannot be read/);
  const other = join(temporaryFolder(), folder.split('/').at(-1)!);
  mkdirSync(other);
  const { dataset } = await library.index.add(other, { kind: 'none' });
  expect(dataset.record.name).toBe(`${first.dataset.record.name} 2`);
  library.index.remove(dataset);
  expect(library.index.list).toEqual([first.dataset]);
});

test('a touched file counts as changed and is read again', async () => {
  const folder = await twoClasses();
  const { library, dataset } = await indexed(folder);
  utimesSync(join(folder, 'fish/d.jpg'), new Date(1e12), new Date(1e12));
  await scan(dataset, library);
  expect(dataset.record.lastScan).toMatchObject({ changed: 1 });
  expect(dataset.columns.modified[3]).toBe(1e12);
  expect(dataset.record.counts.pictures).toBe(5);
});

test('what could not be saved, since the disk was full in the end, is saved with what comes next', async () => {
  const { library, dataset } = await indexed(await twoClasses());
  const { sql } = dataset;
  // The transaction fails where it is committed, as it does on a full disk.
  sql.exec(`PRAGMA foreign_keys = ON;
    CREATE TABLE room (id INTEGER PRIMARY KEY);
    CREATE TABLE wanted (room INTEGER REFERENCES room (id) DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER full AFTER INSERT ON page BEGIN INSERT INTO wanted VALUES (1); END;`);
  const leaveOut = (picture: number) => dataset.edit(() => (dataset.columns.flags[picture]! |= Flag.leftOut));
  expect(() => leaveOut(0)).toThrow(/constraint/i);
  const look = await pool.run({ kind: 'look', path: join(dataset.record.folder, 'birds/a.jpg'), thumbnail: 0 });
  expect(() => takeLooks(dataset, [{ picture: 1, look }])).toThrow(/constraint/i);
  expect(dataset.isSaved).toBe(false);
  // It does not leave memory for others.
  library.index.get(dataset.id, () => false);
  for (let i = 0; i < 5; i++) library.index.get((await library.index.add(temporaryFolder(), { kind: 'none' })).dataset.id, () => false);
  expect(dataset.columns.flags[0]! & Flag.leftOut).toBe(Flag.leftOut);
  sql.exec('DROP TRIGGER full');
  leaveOut(4);
  expect(dataset.isSaved).toBe(true);
  library.index.close();

  const again = DatasetIndex.open(join(library.folder, 'library.db'));
  const { columns, hashes, record } = again.get(dataset.id)!;
  expect([0, 1, 4].map((id) => (columns.flags[id]! & Flag.leftOut) !== 0)).toEqual([true, false, true]);
  expect(columns.size[1]).toBe(look.size);
  expect(hashes.hashLow[1]).toBe(look.hash[0]);
  expect(record.counts).toMatchObject({ pictures: 3, leftOut: 2 });
  again.close();
});
