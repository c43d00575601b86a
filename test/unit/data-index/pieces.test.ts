import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { readExif } from '../../../src/engine/data/exif';
import { findHashPairs, MOST_BITS } from '../../../src/engine/data/index/hash-pairs';
import { ignoring } from '../../../src/engine/data/index/ignore';
import { Thumbnails } from '../../../src/engine/data/index/index';
import { bitCount, differingBits, pictureHash } from '../../../src/engine/data/picture-hash';
import { readablePart } from '../../../src/engine/data/readable-part';
import { Purpose, Random } from '../../../src/engine/random';
import { temporaryFolder } from '../../support/temporary-folder';
import { picture, pool, put } from './folders';

test('all pairs of hashes up to seven bits are found, and no other', async () => {
  const random = new Random(3, Purpose.test);
  const count = 1500;
  const low = Uint32Array.from({ length: count }, () => random.bits());
  const high = Uint32Array.from({ length: count }, () => random.bits());
  // Chains of neighbours at 1 … 10 bits, anywhere in the hash.
  for (let i = 1; i < count; i++) {
    if (i % 3 === 0) continue;
    [low[i], high[i]] = [low[i - 1]!, high[i - 1]!];
    for (let bits = i % 10; bits >= 0; bits--) {
      if (random.uniform() < 0.5) low[i]! ^= 1 << random.integer(32);
      else high[i]! ^= 1 << random.integer(32);
    }
  }
  const expected: string[] = [];
  const nearest = new Uint8Array(count).fill(255);
  for (let i = 0; i < count; i++) {
    for (let j = i + 1; j < count; j++) {
      const bits = differingBits(low[i]!, high[i]!, low[j]!, high[j]!);
      if (bits > MOST_BITS) continue;
      expected.push(`${i} ${j} ${bits}`);
      nearest[i] = Math.min(nearest[i]!, bits);
      nearest[j] = Math.min(nearest[j]!, bits);
    }
  }
  const found = await findHashPairs(low, high, { signal: new AbortController().signal, report: () => undefined });
  const triples = Array.from({ length: found.pairs.length / 3 }, (_, k) => found.pairs.subarray(3 * k, 3 * k + 3).join(' '));
  expect(expected.length).toBeGreaterThan(500);
  expect(triples.sort()).toEqual(expected.sort());
  expect(found.nearest).toEqual(nearest);
});

test('bits are counted', () => {
  for (const [word, bits] of [
    [0, 0],
    [1, 1],
    [0xffffffff, 32],
    [0x80000001, 2],
    [0x0f0f0f0f, 16],
  ] as const) {
    expect(bitCount(word)).toBe(bits);
  }
});

test('a picture keeps its hash when it is made smaller, brighter or compressed; another has another', async () => {
  const hashOf = async (image: ReturnType<typeof picture>): Promise<[number, number]> => {
    const { data, info } = await image.removeAlpha().raw().toBuffer({ resolveWithObject: true });
    return pictureHash({ width: info.width, height: info.height, channels: 3, data });
  };
  const original = await picture(40, 320, 240).png().toBuffer();
  const hash = await hashOf(sharp(original));
  const changed = [
    sharp(original).resize(160, 120),
    sharp(original).linear(0.8, 20),
    sharp(await sharp(original).jpeg({ quality: 40 }).toBuffer()),
  ];
  for (const image of changed) expect(differingBits(...hash, ...(await hashOf(image)))).toBeLessThanOrEqual(3);
  for (let seed = 41; seed < 49; seed++)
    expect(differingBits(...hash, ...(await hashOf(picture(seed, 320, 240))))).toBeGreaterThan(12);
});

test('EXIF tells time and camera; damaged EXIF tells nothing', async () => {
  const jpeg = await picture(1)
    .withExif({ IFD0: { Make: 'Canon', Model: 'Canon EOS 90D' }, IFD2: { DateTimeOriginal: '2025:06:14 09:12:30' } })
    .jpeg()
    .toBuffer();
  const { exif } = await sharp(jpeg).metadata();
  expect(readExif(exif)).toEqual({ taken: Date.UTC(2025, 5, 14, 9, 12, 30), camera: 'Canon EOS 90D' });
  expect(readExif(undefined)).toEqual({ taken: null, camera: null });
  for (let length = 0; length < exif!.length; length += 7) expect(() => readExif(exif!.subarray(0, length))).not.toThrow();
  const random = new Random(5, Purpose.test);
  for (let round = 0; round < 200; round++) {
    const broken = Buffer.from(exif!);
    broken[random.integer(broken.length)] = random.integer(256);
    expect(() => readExif(broken)).not.toThrow();
  }
});

test('of a file that ends early, the lines that are there are told and shown', async () => {
  const whole = await picture(50, 400, 300).jpeg({ quality: 90 }).toBuffer();
  const part = await readablePart(whole.subarray(0, Math.floor(whole.length / 2)), 200);
  expect(part).toMatchObject({ width: 200, height: 150, ofLines: 300 });
  expect(part.lines).toBeGreaterThan(75);
  expect(part.lines).toBeLessThan(225);
  expect(part.rgba[3]).toBe(255);
  expect(part.rgba.at(-1)).toBe(0);
  await expect(readablePart(Buffer.from('no picture at all'), 200)).rejects.toThrow(/not a picture/);
});

test('names are ignored by pattern', () => {
  const isIgnored = ignoring(['*_thumb.jpg', 'raw/*', 'a?.png', '']);
  expect(['x/y_thumb.JPG', 'raw/1.jpg', 'deep/ab.png'].every(isIgnored)).toBe(true);
  expect(['x/thumb.jpg', 'raw/deep/1.jpg', 'abc.png', 'xraw/1.jpg'].some(isIgnored)).toBe(false);
});

test('thumbnails are made once, by version, and the least used leave when there is no room', async () => {
  const folder = temporaryFolder();
  const file = put(folder, 'a.jpg', await picture(60, 800, 600).jpeg().toBuffer());
  const cache = join(folder, 'cache');
  const thumbnails = new Thumbnails(cache, pool, 60_000);
  const key = { dataset: 'd1', picture: 7, version: 1, size: 128 };
  const first = await thumbnails.get(key, file);
  expect(await sharp(first).metadata()).toMatchObject({ width: 128, height: 96 });
  put(folder, 'a.jpg', await picture(61, 800, 600).jpeg().toBuffer());
  expect(await thumbnails.get(key, file)).toEqual(first);
  expect(await thumbnails.get({ ...key, version: 2 }, file)).not.toEqual(first);

  for (let id = 0; id < 30; id++) await thumbnails.put({ ...key, picture: id }, new Uint8Array(4000));
  await thumbnails.tidy();
  await thumbnails.tidy();
  const files = readdirSync(cache, { recursive: true }).map((each) => join(cache, String(each)));
  const bytes = files.filter((each) => statSync(each).isFile()).reduce((sum, each) => sum + statSync(each).size, 0);
  expect(bytes).toBeLessThanOrEqual(60_000);
  expect(bytes).toBeGreaterThan(20_000);
  await thumbnails.forget('d1');
  expect(existsSync(join(cache, 'd1'))).toBe(false);
});
