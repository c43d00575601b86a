import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeEach, describe, expect, it } from 'vitest';
import { drawSample, makeSample, sampleClasses } from '../../../src/engine/data/sample';
import type { SampleKey, SamplePicture } from '../../../src/engine/data/sample';
import { UserError } from '../../../src/engine/errors';
import { temporaryFolder } from '../../support/temporary-folder';

let home: string;
beforeEach(() => {
  home = temporaryFolder();
});

const filesOf = async (folder: string): Promise<string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).sort();
};

describe('makeSample', () => {
  it('writes one folder of readable JPEGs per class', async () => {
    const folder = join(home, 'set');
    const counts: number[] = [];
    const result = await makeSample({ folder, count: 20, size: 64, onProgress: (done) => counts.push(done) });
    expect(result.classes).toEqual(sampleClasses.map((kind) => kind.name));
    expect((await readdir(folder)).sort()).toEqual([...result.classes].sort());
    const files = await filesOf(folder);
    expect(files).toHaveLength(20);
    expect(counts).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    for (const file of files) {
      const { format, width, height, channels } = await sharp(file).metadata();
      expect([format, channels]).toEqual(['jpeg', 3]);
      for (const side of [width, height]) {
        expect(side).toBeGreaterThanOrEqual(56);
        expect(side).toBeLessThanOrEqual(80);
      }
    }
    expect(await readdir(home)).toEqual(['set']);
  });

  it('gives the same bytes for the same seed, and keeps them when the count grows', async () => {
    const small = join(home, 'small');
    const large = join(home, 'large');
    const other = join(home, 'other');
    await makeSample({ folder: small, count: 5, seed: 7, size: 48 });
    await makeSample({ folder: large, count: 18, seed: 7, size: 48 });
    await makeSample({ folder: other, count: 5, seed: 8, size: 48 });
    for (const file of await filesOf(small)) {
      const bytes = await readFile(file);
      expect(bytes.equals(await readFile(file.replace(small, large)))).toBe(true);
      expect(bytes.equals(await readFile(file.replace(small, other)))).toBe(false);
    }
  });

  it('draws elsewhere when told to, several pictures at a time', async () => {
    const folder = join(home, 'set');
    let [drawing, most] = [0, 0];
    const draw = async (key: SampleKey, size: number): Promise<Uint8Array<ArrayBuffer>> => {
      most = Math.max(most, ++drawing);
      await new Promise((resolve) => setTimeout(resolve, 5));
      drawing--;
      return Uint8Array.of(key.classIndex, key.pictureIndex, size);
    };
    await makeSample({ folder, count: sampleClasses.length + 3, size: 99, draw });
    const written = await Promise.all((await filesOf(join(folder, sampleClasses[2]!.name))).map((file) => readFile(file)));
    expect(written.map((bytes) => [...bytes])).toEqual([
      [2, 0, 99],
      [2, 1, 99],
    ]);
    expect(most).toBeGreaterThan(1);
  });

  it('takes an empty folder and refuses a full one, a file and impossible numbers', async () => {
    const empty = join(home, 'empty');
    await mkdir(empty);
    await makeSample({ folder: empty, count: 1, size: 32 });
    expect(await filesOf(empty)).toHaveLength(1);
    await expect(makeSample({ folder: empty, count: 1 })).rejects.toThrow(/is not empty/);
    const file = join(home, 'file');
    await writeFile(file, 'x');
    await expect(makeSample({ folder: file, count: 1 })).rejects.toThrow(UserError);
    await expect(makeSample({ folder: join(file, 'under'), count: 1 })).rejects.toThrow(UserError);
    for (const wrong of [{ count: 0 }, { count: 1.5 }, { count: 1, size: 8 }, { count: 1, seed: -1 }]) {
      await expect(makeSample({ folder: join(home, 'new'), ...wrong })).rejects.toThrow(UserError);
    }
    expect((await readdir(home)).sort()).toEqual(['empty', 'file']);
    expect(await readFile(file, 'utf8')).toBe('x');
  });

  it('leaves nothing behind when aborted', async () => {
    const stop = new AbortController();
    const set = makeSample({
      folder: join(home, 'set'),
      count: 500,
      size: 32,
      signal: stop.signal,
      onProgress: (done) => done === 6 && stop.abort(new Error('enough')),
    });
    await expect(set).rejects.toThrow('enough');
    expect(await readdir(home)).toEqual([]);
  });
});

/** Cosine k-NN of raw 12-pixel pictures, mean-centred, weights exp(similarity / 0.07): the share right, leaving one out. */
function rawPixelAccuracy(pictures: Float32Array[], labels: number[], k: number): number {
  const length = pictures[0]!.length;
  const mean = new Float32Array(length);
  for (const picture of pictures) picture.forEach((value, i) => (mean[i]! += value / pictures.length));
  const rows = pictures.map((picture) => {
    const centred = picture.map((value, i) => value - mean[i]!);
    const norm = Math.hypot(...centred);
    return centred.map((value) => value / norm);
  });
  let right = 0;
  rows.forEach((row, at) => {
    const similarity = (other: Float32Array): number => row.reduce((sum, value, j) => sum + value * other[j]!, 0);
    const near = rows
      .map((other, i) => ({ label: labels[i]!, similarity: i === at ? -Infinity : similarity(other) }))
      .sort((a, b) => b.similarity - a.similarity)
      .slice(0, k);
    const votes = new Float64Array(sampleClasses.length);
    for (const { label, similarity } of near) votes[label]! += Math.exp(similarity / 0.07);
    if (votes.indexOf(Math.max(...votes)) === labels[at]) right++;
  });
  return right / rows.length;
}

async function thumbnail({ data, width, height }: SamplePicture, side: number): Promise<Float32Array> {
  const small = await sharp(data, { raw: { width, height, channels: 3 } }).resize(side, side).raw().toBuffer();
  return Float32Array.from(small);
}

describe('the sample classes', () => {
  it('have distinct names that are good folder names', () => {
    const names = sampleClasses.map((kind) => kind.name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });

  it('cannot be told from raw pixels or from the mean colour', async () => {
    const pictures: Float32Array[] = [];
    const colours: Float32Array[] = [];
    const labels: number[] = [];
    for (let i = 0; i < 20 * sampleClasses.length; i++) {
      const classIndex = i % sampleClasses.length;
      const picture = drawSample({ seed: 3, classIndex, pictureIndex: Math.floor(i / sampleClasses.length) }, 48);
      pictures.push(await thumbnail(picture, 12));
      colours.push(await thumbnail(picture, 1));
      labels.push(classIndex);
    }
    expect(rawPixelAccuracy(pictures, labels, 20)).toBeLessThan(0.2);
    expect(rawPixelAccuracy(colours, labels, 20)).toBeLessThan(0.2);
  });
});
