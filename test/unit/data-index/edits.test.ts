import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  applyLabels,
  classNames,
  drawSplit,
  Flag,
  isListed,
  lookAt,
  noteBroken,
  problemGroups,
  readLabels,
  setClassNames,
  type IndexedDataset,
  type LabelSource,
} from '../../../src/engine/data/index/index';
import { temporaryFolder } from '../../support/temporary-folder';
import { indexed, openLibrary, picture, pool, put, twoClasses } from './folders';

const byPath = { by: 'path' } as const;

const setClass = (dataset: IndexedDataset, pictures: readonly number[], name: string): number =>
  dataset.edit(() => {
    const names = classNames(dataset);
    for (const id of pictures) {
      names[id] = name;
      dataset.columns.flags[id]! |= Flag.classByHand;
    }
    setClassNames(dataset, names);
  }).undo;
const leaveOut = (dataset: IndexedDataset, pictures: readonly number[]): number =>
  dataset.edit(() => pictures.forEach((id) => (dataset.columns.flags[id]! |= Flag.leftOut))).undo;
const holdOut = (dataset: IndexedDataset, share: number): number =>
  dataset.edit(() => {
    dataset.record.holdOut = { kind: 'share', share, seed: 0 };
    drawSplit(dataset.record.holdOut, dataset.columns, dataset.order(byPath));
  }).undo;
async function setLabels(dataset: IndexedDataset, source: LabelSource): Promise<number> {
  const read = await readLabels(dataset, source);
  return dataset.edit(() => applyLabels(dataset, read, false)).undo;
}
function table(...rows: string[]): LabelSource {
  const file = join(temporaryFolder(), 'labels.csv');
  writeFileSync(file, ['path,label,place', ...rows].join('\n'));
  return { kind: 'table', file };
}

const flagsOf = (dataset: IndexedDataset, flag: number): number[] =>
  [...dataset.columns.flags.slice(0, dataset.length).keys()].filter((id) => dataset.columns.flags[id]! & flag);

test('a change is taken back beneath a later one, which stays', async () => {
  const { dataset } = await indexed(await twoClasses());
  const out = leaveOut(dataset, [2]);
  const birds = setClass(dataset, [0, 4], 'a new one');
  dataset.undo(out);
  expect(flagsOf(dataset, Flag.leftOut)).toEqual([]);
  expect(classNames(dataset)).toEqual(['a new one', 'birds', 'birds', 'fish', 'a new one']);
  expect(dataset.record.classes).toEqual(['a new one', 'birds', 'fish']);
  dataset.undo(birds);
  expect(classNames(dataset)).toEqual(['birds', 'birds', 'birds', 'fish', 'fish']);
  expect(flagsOf(dataset, Flag.classByHand)).toEqual([]);
});

test('the rule by which pictures are held out stays when something else is taken back', async () => {
  const { dataset } = await indexed(await twoClasses());
  const out = leaveOut(dataset, [2]);
  holdOut(dataset, 0.4);
  const heldOut = flagsOf(dataset, Flag.heldOut);
  dataset.undo(out);
  expect(dataset.record.holdOut).toMatchObject({ share: 0.4 });
  expect(flagsOf(dataset, Flag.heldOut)).toEqual(heldOut);
});

test('what a later change altered again stays, and goes back behind both', async () => {
  const { dataset } = await indexed(await twoClasses());
  const first = setClass(dataset, [0, 1], 'ducks');
  const second = setClass(dataset, [1, 3], 'owls');
  const again = dataset.undo(first)!.undo;
  expect(classNames(dataset)).toEqual(['birds', 'owls', 'birds', 'owls', 'fish']);
  dataset.undo(second);
  expect(classNames(dataset)).toEqual(['birds', 'birds', 'birds', 'fish', 'fish']);
  dataset.undo(again);
  expect(classNames(dataset)).toEqual(['ducks', 'birds', 'birds', 'fish', 'fish']);
});

test('beneath labels that were read anew nothing is taken back that they decided', async () => {
  const { dataset } = await indexed(await twoClasses());
  const out = leaveOut(dataset, [3]);
  const ducks = setClass(dataset, [0], 'ducks');
  const cut = holdOut(dataset, 0.4);
  const labels = await setLabels(dataset, table('birds/a.jpg,ducks,Oslo', 'fish/d.jpg,cod,Rome'));
  expect(() => dataset.undo(ducks)).toThrow('The labels were read anew since: take that back first.');
  expect(() => dataset.undo(cut)).toThrow(/labels were read anew/);
  dataset.undo(out);
  expect(classNames(dataset)).toEqual(['ducks', null, null, 'cod', null]);
  dataset.undo(labels);
  expect(dataset.record).toMatchObject({ labels: { kind: 'folders' }, classes: ['birds', 'ducks', 'fish'], attributes: [] });
  dataset.undo(cut);
  dataset.undo(ducks);
  expect(dataset.record.classes).toEqual(['birds', 'fish']);
  expect(dataset.record.holdOut).toMatchObject({ share: 0.1 });
});

test('what a scan reads meanwhile stays when a change is taken back', async () => {
  const folder = temporaryFolder();
  for (let i = 0; i < 6; i++) put(folder, `${i}.png`, await picture(i, 70, 70).png().toBuffer());
  put(folder, '6.png', 'no picture at all');
  const library = openLibrary();
  const { dataset } = await library.index.add(folder, { kind: 'none' });
  dataset.record.length = 7;
  await dataset.paths.append(0, Array.from({ length: 7 }, (_, i) => `${i}.png`));
  dataset.table.grow(7);
  dataset.columns.flags.fill(Flag.present, 0, 7);
  for (let i = 0; i < 7; i++) dataset.columns.rank[i] = i;
  const context = { pool, thumbnails: undefined, signal: new AbortController().signal, report: () => undefined };
  await lookAt(dataset, Uint32Array.of(0, 1), context);
  // As when all are chosen whose name is known.
  const birds = setClass(dataset, [0, 1, 2, 3, 6], 'birds');
  await lookAt(dataset, Uint32Array.of(2, 3, 4, 5, 6), context);
  noteBroken(dataset, [{ path: '3.png', reason: 'truncated file' }]);
  const { flags } = dataset.columns;
  const read = [...flags.slice(0, 7)].map((flag) => flag & ~Flag.classByHand);
  dataset.undo(birds);
  expect([...flags.slice(0, 7)]).toEqual(read);
  expect(read.every(isListed)).toBe(true);
  expect(dataset.record.counts).toMatchObject({ pictures: 6, unreadable: 1 });
  expect(problemGroups(dataset).map(({ kind, count }) => [kind, count])).toEqual([
    ['not-a-picture', 1],
    ['broke-in-run', 1],
  ]);
});

test('attributes of a table come back with it, also after the dataset had left memory', async () => {
  const { dataset } = await indexed(await twoClasses());
  await setLabels(dataset, table('birds/a.jpg,owl,Oslo', 'fish/none.jpg,cod,'));
  const other = await setLabels(dataset, table('birds/a.jpg,owl,Rome'));
  dataset.unload();
  expect(dataset.length).toBe(dataset.columns.flags.filter((flag) => flag & Flag.present).length);
  dataset.undo(other);
  expect(dataset.attribute('place')).toMatchObject({ kind: 'text', values: ['Oslo'] });
  expect(problemGroups(dataset).find(({ kind }) => kind === 'no-such-picture')).toMatchObject({ count: 1 });
  // After a rescan nothing can come back: what is left of old tables goes.
  dataset.edits.clear();
  dataset.unload();
  const generations = (): number =>
    (dataset.sql.prepare('SELECT count(DISTINCT generation) AS n FROM attribute').get() as { n: number }).n;
  expect([generations(), dataset.columns.flags.length > 0, generations()]).toEqual([2, true, 1]);
});

test('decisions on duplicates are taken back one by one', async () => {
  const { dataset } = await indexed(await twoClasses());
  const { decisions } = dataset;
  const choose = (id: number, keep: boolean): number => dataset.edit(() => decisions.choices.set(id, keep), decisions).undo;
  const separate = (...ids: number[]): number => dataset.edit(() => decisions.separations.push(Uint32Array.from(ids)), decisions).undo;
  const [first, apart, second, other] = [choose(0, true), separate(1, 2), choose(0, false), separate(3, 4)];
  dataset.undo(first);
  dataset.undo(apart);
  expect([...decisions.choices]).toEqual([[0, false]]);
  expect(decisions.separations).toEqual([Uint32Array.of(3, 4)]);
  dataset.undo(second);
  const again = dataset.undo(other)!.undo;
  expect([decisions.choices.size, decisions.separations]).toEqual([0, []]);
  dataset.undo(again);
  expect(decisions.separations).toEqual([Uint32Array.of(3, 4)]);
});
