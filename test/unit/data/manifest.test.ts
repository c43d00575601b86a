import { createHash } from 'node:crypto';
import { readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  epochOrder,
  holdOut,
  makeManifest,
  readManifest,
  splitIndices,
  touchedPictures,
  writeManifest,
} from '../../../src/engine/data';
import { UserError } from '../../../src/engine/errors';
import { temporaryFolder } from '../../support/temporary-folder';
import { put } from './pictures';

describe('holdOut', () => {
  const count = (splits: string[]): number => splits.filter((split) => split === 'held-out').length;

  it('takes a tenth of each class, keyed by the seed', () => {
    const labels = Int32Array.from({ length: 300 }, (_, i) => i % 3);
    const none = new Array<undefined>(300).fill(undefined);
    const splits = holdOut(1, labels, none, 0.1);
    for (const label of [0, 1, 2]) expect(count(splits.filter((_, i) => labels[i] === label))).toBe(10);
    expect(holdOut(1, labels, none, 0.1)).toEqual(splits);
    expect(holdOut(2, labels, none, 0.1)).not.toEqual(splits);
  });

  it('gives the fraction over many small classes, never a whole class', () => {
    const labels = Int32Array.from({ length: 300 }, (_, i) => Math.floor(i / 3));
    expect(count(holdOut(1, labels, [], 0.1))).toBe(30);
    expect(
      count(
        holdOut(
          1,
          Int32Array.from({ length: 50 }, (_, i) => i),
          [],
          0.1,
        ),
      ),
    ).toBe(0);
    expect(count(holdOut(1, [-1], [], 0.5))).toBe(0);
    expect(count(holdOut(1, new Int32Array(40).fill(-1), [], 0))).toBe(0);
  });

  it('keeps sides that are given', () => {
    const splits = holdOut(1, new Int32Array(20), ['held-out', 'train'], 0.5);
    expect(splits.slice(0, 2)).toEqual(['held-out', 'train']);
    expect(count(splits.slice(2))).toBe(9);
  });
});

describe('epochOrder', () => {
  it('is a permutation that depends on seed and epoch', () => {
    const order = epochOrder(5, 3, 1000);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(epochOrder(5, 3, 1000)).toEqual(order);
    expect(epochOrder(5, 4, 1000)).not.toEqual(order);
    expect(epochOrder(6, 3, 1000)).not.toEqual(order);
  });
});

describe('manifest', () => {
  let root: string;
  beforeAll(async () => {
    root = temporaryFolder();
    for (let i = 0; i < 20; i++) await put(root, `${i % 2 ? 'odd' : 'even'}/new\nline "${i}".png`, 'x'.repeat(i));
    await put(root, 'loose.png', 'x');
  });

  it('holds path, size, label and split of every picture, and classes in order', async () => {
    const { manifest } = await makeManifest(root, { seed: 1 });
    expect(manifest.classes).toEqual(['even', 'odd']);
    expect(manifest.pictures).toHaveLength(21);
    expect(manifest.pictures.at(-1)).toMatchObject({ path: 'odd/new\nline "9".png', size: 9, label: 1 });
    expect(manifest.pictures[0]).toMatchObject({ path: 'even/new\nline "0".png', label: 0 });
    expect(manifest.pictures.find(({ path }) => path === 'loose.png')!.label).toBe(-1);
    expect(splitIndices(manifest, 'held-out')).toHaveLength(2);
    expect(splitIndices(manifest, 'train')).toHaveLength(19);
  });

  it('a CSV decides over class folders and chance', async () => {
    const labelsFile = await put(root, 'labels.csv', 'path,label,split\nloose.png,alone,held-out\n');
    const { manifest } = await makeManifest(root, { seed: 1, labelsFile, heldOut: 0 });
    expect(manifest.classes).toEqual(['alone']);
    expect([...splitIndices(manifest, 'held-out')].map((i) => manifest.pictures[i]!.path)).toEqual(['loose.png']);
  });

  it('is written whole, readable as JSON lines, and read back the same', async () => {
    const { manifest } = await makeManifest(root, { seed: 1 });
    const folder = temporaryFolder();
    const file = join(folder, 'manifest');
    const hash = await writeManifest(file, manifest);
    expect(await readdir(folder)).toEqual(['manifest']);
    const text = await readFile(file, 'utf8');
    expect(hash).toBe(createHash('sha256').update(text).digest('hex'));
    expect(JSON.parse(text.split('\n')[1]!)).toMatchObject({ path: 'even/new\nline "0".png', label: 'even' });
    expect(await readManifest(file)).toEqual({ manifest, hash });
  });

  it('says which line is damaged', async () => {
    const { manifest } = await makeManifest(root, { seed: 1 });
    const file = join(temporaryFolder(), 'manifest');
    await writeManifest(file, manifest);
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    const reading = async (changed: string[]): Promise<unknown> => {
      await writeFile(file, changed.join('\n'));
      return readManifest(file);
    };
    await expect(reading(lines.slice(0, -1))).rejects.toThrow(/should list 21 pictures and lists 20/);
    await expect(reading([...lines.slice(0, -1), '{"path"'])).rejects.toThrow(/line 22: this is not a line of JSON/);
    await expect(reading([lines[0]!, lines[1]!.replace('"label":"even"', '"label":"x"'), ...lines.slice(2)])).rejects.toThrow(
      /line 2: the class "x" is not in the heading/,
    );
    await expect(reading([lines[0]!, lines[1]!.replace('"size":0', '"size":-1'), ...lines.slice(2)])).rejects.toThrow(
      /line 2: size/,
    );
    await expect(reading(['{}'])).rejects.toThrow(UserError);
    await expect(readManifest(join(root, 'none'))).rejects.toThrow(/cannot be read/);
  });

  it('tells which files have another time and the same size, not which are gone or have another size', async () => {
    const folder = temporaryFolder();
    for (const name of ['a', 'b', 'c', 'd', 'e']) await put(folder, `${name}.png`, 'old');
    const { manifest } = await makeManifest(folder, { seed: 1 });
    expect(await touchedPictures(manifest)).toEqual([]);
    const later = new Date(Date.now() + 5000);
    await put(folder, 'b.png', 'new');
    await put(folder, 'c.png', 'longer');
    for (const name of ['b', 'c', 'e']) await utimes(join(folder, `${name}.png`), later, later);
    await rm(join(folder, 'd.png'));
    expect(await touchedPictures(manifest)).toEqual(['b.png', 'e.png']);
  });
});
