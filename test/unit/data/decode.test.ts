import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodePicture, readPictureFile, type DecodeOptions } from '../../../src/engine/data';
import { LargePicture } from '../../../src/engine/data/decode';
import { temporaryFolder } from '../../support/temporary-folder';
import { gradientPixels, lyingPng, picture, put } from './pictures';

const reason = (bytes: Buffer, options: DecodeOptions = {}): Promise<string> =>
  decodePicture(bytes, options).then(
    () => 'decoded',
    (error: { reason: string }) => error.reason,
  );
const worst = (a: Uint8Array, b: Uint8Array): number => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

describe('decodePicture', () => {
  const pixels = gradientPixels(16, 12);
  const source = picture(16, 12);

  it.each([
    ['png', source.clone().png()],
    [
      'palette png',
      sharp(Buffer.from(new Uint8Array(16 * 12 * 3).fill(77)), { raw: { width: 16, height: 12, channels: 3 } }).png({
        palette: true,
      }),
    ],
    ['tiff', source.clone().tiff({ compression: 'lzw' })],
    ['webp', source.clone().webp({ lossless: true })],
    ['bigtiff', source.clone().tiff({ compression: 'none', bigtiff: true })],
  ])('gives the exact pixels of a lossless %s', async (name, image) => {
    const decoded = await decodePicture(await image.toBuffer());
    expect(decoded).toMatchObject({ width: 16, height: 12, channels: 3, fullWidth: 16, fullHeight: 12 });
    expect(Buffer.from(decoded.data)).toEqual(
      Buffer.from(name === 'palette png' ? new Uint8Array(16 * 12 * 3).fill(77) : pixels),
    );
  });

  it.each([
    ['jpeg', source.clone().jpeg({ quality: 100, chromaSubsampling: '4:4:4' }), 6],
    ['avif', source.clone().avif({ lossless: true, chromaSubsampling: '4:4:4' }), 6],
    ['gif', source.clone().gif(), 60],
  ])('decodes %s', async (_, image, limit) => {
    const decoded = await decodePicture(await image.toBuffer());
    expect([decoded.width, decoded.height, decoded.data.length]).toEqual([16, 12, pixels.length]);
    expect(worst(decoded.data, pixels)).toBeLessThanOrEqual(limit);
  });

  it('makes grey, 16-bit, and CMYK pictures 8-bit RGB', async () => {
    const grey = await decodePicture(
      await sharp(Buffer.from([0, 128, 255]), { raw: { width: 3, height: 1, channels: 1 } })
        .png()
        .toBuffer(),
    );
    expect([...grey.data]).toEqual([0, 0, 0, 128, 128, 128, 255, 255, 255]);
    const deep = (values: number[], channels: 1 | 3): Sharp =>
      sharp(Uint16Array.from(values), { raw: { width: values.length / channels, height: 1, channels } });
    const rgb16 = await decodePicture(
      await deep([0, 32768, 65535, 257 * 9, 257 * 99, 257 * 200], 3)
        .toColourspace('rgb16')
        .png()
        .toBuffer(),
    );
    expect([...rgb16.data]).toEqual([0, 128, 255, 9, 99, 200]);
    const grey16 = await decodePicture(
      await deep([0, 257 * 100, 65535], 1)
        .toColourspace('grey16')
        .png()
        .toBuffer(),
    );
    expect([...grey16.data]).toEqual([0, 0, 0, 100, 100, 100, 255, 255, 255]);
    // There and back through a printer's colours is not exact; inverted or missing inks would be far off.
    const brown = sharp({ create: { width: 8, height: 8, channels: 3, background: '#a07864' } });
    const cmyk = await decodePicture(await brown.toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer());
    expect(cmyk.data).toHaveLength(8 * 8 * 3);
    expect(worst(cmyk.data.subarray(0, 3), Uint8Array.of(0xa0, 0x78, 0x64))).toBeLessThan(16);
  });

  it('drops alpha and keeps the colour under it, also when it shrinks', async () => {
    const rgba = Buffer.alloc(64 * 64 * 4);
    for (let i = 0; i < rgba.length; i += 4) rgba.set([200, 100, 50, (i / 4) % 64 < 32 ? 0 : 128], i);
    const png = await sharp(rgba, { raw: { width: 64, height: 64, channels: 4 } })
      .png()
      .toBuffer();
    for (const shrink of [1, 4]) {
      const decoded = await decodePicture(png, { shrink: () => shrink });
      expect(decoded.width).toBe(64 / shrink);
      expect(
        new Set(Array.from({ length: decoded.data.length / 3 }, (_, i) => decoded.data.subarray(i * 3, i * 3 + 3).join())),
      ).toEqual(new Set(['200,100,50']));
    }
  });

  it('turns pictures upright by all eight EXIF orientations', async () => {
    // A 2 × 3 picture with distinct pixels a b / c d / e f, each 8 × 8; upright as the standard says.
    const upright: Record<number, string[]> = {
      1: ['ab', 'cd', 'ef'],
      2: ['ba', 'dc', 'fe'],
      3: ['fe', 'dc', 'ba'],
      4: ['ef', 'cd', 'ab'],
      5: ['ace', 'bdf'],
      6: ['eca', 'fdb'],
      7: ['fdb', 'eca'],
      8: ['bdf', 'ace'],
    };
    const value = (letter: string): number => 20 + 40 * (letter.charCodeAt(0) - 97);
    const data = Buffer.alloc(16 * 24 * 3);
    ['ab', 'cd', 'ef'].forEach((row, y) =>
      [...row].forEach((letter, x) => {
        for (let j = 0; j < 8; j++) data.fill(value(letter), ((y * 8 + j) * 16 + x * 8) * 3, ((y * 8 + j) * 16 + x * 8 + 8) * 3);
      }),
    );
    for (const [orientation, rows] of Object.entries(upright)) {
      const image = sharp(data, { raw: { width: 16, height: 24, channels: 3 } }).withMetadata({
        orientation: Number(orientation),
      });
      for (const bytes of [await image.clone().jpeg({ quality: 100 }).toBuffer(), await image.clone().tiff().toBuffer()]) {
        for (const shrink of [1, 2]) {
          const decoded = await decodePicture(bytes, { shrink: () => shrink });
          expect([decoded.fullWidth, decoded.fullHeight]).toEqual([rows[0]!.length * 8, rows.length * 8]);
          const cell = 8 / shrink;
          const found = rows.map((row, y) =>
            [...row]
              .map((_, x) => {
                const at = ((y * cell + cell / 2) * decoded.width + x * cell + cell / 2) * 3;
                return String.fromCharCode(97 + Math.round((decoded.data[at]! - 20) / 40));
              })
              .join(''),
          );
          expect(found, `orientation ${orientation}, shrink ${shrink}`).toEqual(rows);
        }
      }
    }
  });

  it('takes the first frame of an animation', async () => {
    const frames = Buffer.concat([Buffer.alloc(10 * 10 * 3, 10), Buffer.alloc(10 * 10 * 3, 250)]);
    const raw = { width: 10, height: 20, channels: 3, pageHeight: 10 } as const;
    for (const image of [sharp(frames, { raw }).gif(), sharp(frames, { raw }).webp({ lossless: true })]) {
      const bytes = await image.toBuffer();
      expect((await sharp(bytes, { pages: -1 }).metadata()).pages).toBe(2);
      const decoded = await decodePicture(bytes);
      expect([decoded.width, decoded.height, ...new Set(decoded.data)]).toEqual([10, 10, 10]);
    }
  });

  it('decodes 1 × 1 and 1 × 900 pictures', async () => {
    for (const [width, height] of [
      [1, 1],
      [1, 900],
      [900, 1],
    ] as const) {
      const decoded = await decodePicture(await picture(width, height).png().toBuffer());
      expect(Buffer.from(decoded.data)).toEqual(Buffer.from(gradientPixels(width, height)));
    }
  });

  it('shrinks by the power of two below what is allowed, rounding sizes up', async () => {
    const jpeg = await picture(101, 67).jpeg().toBuffer();
    const png = await picture(101, 67).png().toBuffer();
    for (const bytes of [jpeg, png]) {
      const size = async (options: DecodeOptions): Promise<number[]> => {
        const { width, height, fullWidth, fullHeight, data } = await decodePicture(bytes, options);
        expect(data).toHaveLength(width * height * 3);
        expect([fullWidth, fullHeight]).toEqual([101, 67]);
        return [width, height];
      };
      expect(await size({ shrink: () => 1.99 })).toEqual([101, 67]);
      expect(await size({ shrink: () => 2 })).toEqual([51, 34]);
      expect(await size({ shrink: () => 7.9 })).toEqual([26, 17]);
      expect(await size({ shrink: () => 0.3 })).toEqual([101, 67]);
      const [width, height] = await size({ maxPixels: 1000 });
      expect(width! * height!).toBeLessThanOrEqual(1000);
      expect(width! * height!).toBeGreaterThan(900);
    }
    expect((await decodePicture(await picture(1, 900).png().toBuffer(), { maxPixels: 100 })).data).toHaveLength(300);
  });

  it('keeps the colours where they were when it shrinks', async () => {
    for (const image of [picture(256, 256).jpeg({ quality: 100 }), picture(256, 256).png()]) {
      const { data } = await decodePicture(await image.toBuffer(), { shrink: () => 8 });
      for (const [x, y] of [
        [1, 1],
        [16, 5],
        [30, 28],
      ] as const) {
        expect(Math.abs(data[(y * 32 + x) * 3]! - (x + 0.5) * 8)).toBeLessThan(6);
        expect(Math.abs(data[(y * 32 + x) * 3 + 1]! - (y + 0.5) * 8)).toBeLessThan(6);
      }
    }
  });

  it('gives a short plain reason for what is no picture or a damaged one', async () => {
    expect(await reason(Buffer.from('hello'))).toBe('not a picture');
    expect(await reason(Buffer.alloc(0))).toBe('not a picture');
    expect(await reason(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="5" height="5"/>'))).toBe('not a picture');
    expect(await reason(Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1'))).toMatch(/^HEIC is not supported/);
    const noise = sharp(Buffer.from(Array.from({ length: 90 * 90 * 3 }, (_, i) => (i * i * 7919) >> 5)), {
      raw: { width: 90, height: 90, channels: 3 },
    });
    for (const image of [
      noise.clone().jpeg(),
      noise.clone().png(),
      noise.clone().webp(),
      noise.clone().gif(),
      noise.clone().tiff(),
      noise.clone().avif(),
    ]) {
      const bytes = await image.toBuffer();
      expect(await reason(bytes)).toBe('decoded');
      for (const share of [0.02, 0.5, 0.9]) {
        expect(await reason(bytes.subarray(0, Math.floor(bytes.length * share)))).toMatch(/truncated/);
      }
    }
  });

  it('refuses decompression bombs by their header', async () => {
    expect(await reason(await lyingPng(60000, 60000))).toBe('larger than the limit of 100000000 pixels (60000 × 60000)');
    expect(await reason(await picture(40, 40).png().toBuffer(), { pixelCap: 1599 })).toBe(
      'larger than the limit of 1599 pixels (40 × 40)',
    );
    expect(await reason(await picture(40, 40).png().toBuffer(), { pixelCap: 1600 })).toBe('decoded');
    expect(await reason(await lyingPng(9000, 9000))).toMatch(/damaged|truncated/);
    expect(await reason(Buffer.from('P6 60000 60000 255\n'))).toMatch(/^larger than the limit/);
  });

  it('shrinks a 50-megapixel picture in one go', async () => {
    const jpeg = await sharp({ create: { width: 8200, height: 6200, channels: 3, background: '#336699' } })
      .jpeg({ optimiseCoding: false })
      .toBuffer();
    const { width, height, data } = await decodePicture(jpeg, { shrink: () => 8 });
    expect([width, height]).toEqual([1025, 775]);
    expect(worst(data.subarray(0, 3), Uint8Array.of(0x33, 0x66, 0x99))).toBeLessThan(3);
  });

  it('refuses pictures that take much memory when it is told to', async () => {
    const flat = sharp({ create: { width: 4100, height: 4000, channels: 3, background: '#777' } });
    const options = { refuseLarge: true, maxPixels: 64 };
    await expect(decodePicture(await lyingPng(4100, 4000), options)).rejects.toThrow(LargePicture);
    await expect(decodePicture(await flat.clone().jpeg({ progressive: true }).toBuffer(), options)).rejects.toThrow(LargePicture);
    expect(await decodePicture(await flat.clone().jpeg().toBuffer(), options)).toMatchObject({ fullWidth: 4100, width: 8 });
    const bmp = Buffer.alloc(54);
    bmp.write('BM');
    bmp.writeUInt32LE(54, 10);
    bmp.writeUInt32LE(40, 14);
    bmp.writeInt32LE(4100, 18);
    bmp.writeInt32LE(4000, 22);
    bmp.writeUInt16LE(1, 26);
    bmp.writeUInt16LE(24, 28);
    await expect(decodePicture(bmp, options)).rejects.toThrow(LargePicture);
    expect(await reason(await lyingPng(4000, 4000), options)).toMatch(/truncated/);
  });
});

describe('readPictureFile', () => {
  it('gives a short plain reason for files that cannot be read', async () => {
    const root = temporaryFolder();
    const read = (path: string, size?: number): Promise<unknown> =>
      readPictureFile(path, size).then(
        (bytes) => bytes.length,
        (error: { reason: string }) => error.reason,
      );
    const file = await put(root, 'a.png', 'abc');
    expect(await read(file, 3)).toBe(3);
    expect(await read(file, 4)).toBe('changed since the run began');
    expect(await read(join(root, 'none.png'))).toBe('gone');
    expect(await read(root)).toBe('not a file');
    expect(await read(await put(root, 'empty.png', ''))).toBe('empty file');
    if (process.platform === 'linux') {
      execFileSync('mkfifo', [join(root, 'pipe.png')]);
      expect(await read(join(root, 'pipe.png'))).toBe('not a file');
    }
  });
});
