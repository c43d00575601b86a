import { describe, expect, it } from 'vitest';
import { decodePicture } from '../../../src/engine/data';

const decode = async (bytes: Buffer | string): Promise<{ size: number[]; rgb: number[] }> => {
  const { width, height, data } = await decodePicture(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  return { size: [width, height], rgb: [...data] };
};
const reason = (bytes: Buffer | string): Promise<string> =>
  decode(bytes).then(
    () => 'decoded',
    (error: { reason: string }) => error.reason,
  );
const grey = (...values: number[]): number[] => values.flatMap((value) => [value, value, value]);

describe('PNM', () => {
  it.each<[string, string | Buffer, number[], number[]]>([
    ['P1 with comments and without spaces', 'P1 # made by hand\n3 2\n101\n0 1#x\n0\n', [3, 2], grey(0, 255, 0, 255, 0, 255)],
    ['P2 with a maximum that is not 255', 'P2\n3 1\n4\n0 2 4', [3, 1], grey(0, 128, 255)],
    ['P3', 'P3\n#c\n2 1 255\n1 2 3  4 5 6\n', [2, 1], [1, 2, 3, 4, 5, 6]],
    [
      'P4, rows ending at bytes',
      Buffer.from('P4 9 2\n\xaa\x80\x00\x00', 'latin1'),
      [9, 2],
      grey(0, 255, 0, 255, 0, 255, 0, 255, 0, ...new Array<number>(9).fill(255)),
    ],
    ['P5', Buffer.from('P5\n3 1\n255\n\x00\x0a\xff', 'latin1'), [3, 1], grey(0, 10, 255)],
    ['P5 with 16 bits', Buffer.from('P5 3 1 65535\n\x00\x00\x80\x00\xff\xff', 'latin1'), [3, 1], grey(0, 128, 255)],
    ['P6 with a maximum of 31', Buffer.from('P6 1 1 31\n\x00\x10\x1f', 'latin1'), [1, 1], [0, 132, 255]],
    ['only the first picture', Buffer.from('P5 1 1 255\n\x07P5 1 1 255\n\x09', 'latin1'), [1, 1], grey(7)],
  ])('reads %s', async (_, bytes, size, rgb) => {
    expect(await decode(bytes)).toEqual({ size, rgb });
  });

  it.each([
    ['P5 3 1 255\n\x00\x00', 'truncated file'],
    ['P5 3', 'truncated file'],
    ['P2 3 1 255\n0 2 ', 'truncated file'],
    ['P2 3 1 255\n0 x 2', 'damaged file'],
    ['P2 2 1 3\n0 7', 'damaged file'],
    ['P1 2 1\n0 7', 'damaged file'],
    ['P5 0 1 255\n', 'damaged file'],
    ['P5 1 1 65536\n\0\0', 'damaged file'],
    ['P7\nWIDTH 1', 'not a picture'],
  ])('refuses %j: %s', async (text, expected) => {
    expect(await reason(text)).toBe(expected);
  });
});

interface BmpParts {
  width: number;
  height: number;
  bits: number;
  compression?: number;
  masks?: number[];
  palette?: number[][];
  /** OS/2's short header. */
  core?: boolean;
  data: number[];
}

/** A bitmap file; palette entries are [r, g, b]. */
function bmp({ width, height, bits, compression = 0, masks = [], palette = [], core = false, data }: BmpParts): Buffer {
  const header = Buffer.alloc(core ? 26 : 54);
  header.write('BM');
  header.writeUInt32LE(core ? 12 : 40, 14);
  if (core) [width, height, 1, bits].forEach((value, i) => header.writeUInt16LE(value, 18 + 2 * i));
  else {
    header.writeInt32LE(width, 18);
    header.writeInt32LE(height, 22);
    header.writeUInt16LE(1, 26);
    header.writeUInt16LE(bits, 28);
    header.writeUInt32LE(compression, 30);
    header.writeUInt32LE(palette.length, 46);
  }
  const maskBytes = Buffer.from(Uint32Array.from(masks).buffer);
  const colours = Buffer.from(palette.flatMap(([r, g, b]) => (core ? [b!, g!, r!] : [b!, g!, r!, 0])));
  header.writeUInt32LE(header.length + maskBytes.length + colours.length, 10);
  return Buffer.concat([header, maskBytes, colours, Buffer.from(data)]);
}

describe('BMP', () => {
  const [red, green, blue, white] = [
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
    [255, 255, 255],
  ];
  const palette = [red!, green!, blue!, white!];
  const colours = (text: string): number[] => [...text].flatMap((letter) => palette['rgbw'.indexOf(letter)]!);

  it.each<[string, BmpParts, string]>([
    ['24 bits, bottom row first', { width: 1, height: 2, bits: 24, data: [255, 0, 0, 0, 0, 0, 255, 0] }, 'rb'],
    ['24 bits, top row first', { width: 1, height: -2, bits: 24, data: [255, 0, 0, 0, 0, 0, 255, 0] }, 'br'],
    ['24 bits without the last padding', { width: 1, height: 1, bits: 24, data: [0, 255, 0] }, 'g'],
    ['32 bits', { width: 2, height: 1, bits: 32, data: [0, 0, 255, 0, 0, 255, 0, 255] }, 'rg'],
    [
      '32 bits with masks',
      {
        width: 2,
        height: 1,
        bits: 32,
        compression: 3,
        masks: [0xff000000, 0xff0000, 0xff00],
        data: [9, 0, 0, 255, 9, 255, 0, 0],
      },
      'rb',
    ],
    ['16 bits (555)', { width: 3, height: 1, bits: 16, data: [0, 0x7c, 0xe0, 3, 0x1f, 0, 0, 0] }, 'rgb'],
    [
      '16 bits with masks (565)',
      { width: 3, height: 1, bits: 16, compression: 3, masks: [0xf800, 0x7e0, 0x1f], data: [0, 0xf8, 0xe0, 7, 0x1f, 0, 0, 0] },
      'rgb',
    ],
    ['8 bits', { width: 3, height: 2, bits: 8, palette, data: [0, 1, 2, 0, 3, 3, 0, 0] }, 'wwrrgb'],
    ['4 bits, odd width', { width: 3, height: 2, bits: 4, palette, data: [0x01, 0x20, 0, 0, 0x33, 0x00, 0, 0] }, 'wwrrgb'],
    ['2 bits', { width: 5, height: 1, bits: 2, palette, data: [0b00011011, 0b01000000, 0, 0] }, 'rgbwg'],
    ['1 bit', { width: 9, height: 1, bits: 1, palette: [red!, blue!], data: [0b01010101, 0b10000000, 0, 0] }, 'rbrbrbrbb'],
    [
      'OS/2 with 4 bits',
      {
        width: 2,
        height: 1,
        bits: 4,
        core: true,
        palette: [...palette, ...new Array<number[]>(12).fill([0, 0, 0])],
        data: [0x12, 0, 0, 0],
      },
      'gb',
    ],
    [
      'run lengths of 8 bits',
      { width: 5, height: 2, bits: 8, compression: 1, palette, data: [3, 1, 2, 2, 0, 0, 0, 5, 3, 2, 1, 0, 3, 0, 0, 1] },
      'wbgrwgggbb',
    ],
    [
      'run lengths of 4 bits',
      { width: 5, height: 2, bits: 4, compression: 2, palette, data: [5, 0x12, 0, 0, 0, 5, 0x32, 0x10, 0x30, 0, 0, 1] },
      'wbgrwgbgbg',
    ],
    [
      'run lengths with a jump',
      { width: 3, height: 2, bits: 8, compression: 1, palette, data: [1, 3, 0, 2, 1, 1, 1, 2, 0, 1] },
      'rrbwrr',
    ],
  ])('reads %s', async (_, parts, expected) => {
    const { size, rgb } = await decode(bmp(parts));
    expect(size).toEqual([parts.width, Math.abs(parts.height)]);
    expect(rgb).toEqual(colours(expected));
  });

  it('refuses what is cut, false or strange, each with its reason', async () => {
    const whole = bmp({ width: 9, height: 9, bits: 24, data: new Array<number>(9 * 28).fill(1) });
    expect(await reason(whole)).toBe('decoded');
    for (const length of [2, 20, 53, 60, whole.length - 4])
      expect(await reason(whole.subarray(0, length))).toBe('truncated file');
    expect(await reason(bmp({ width: 60000, height: 60000, bits: 24, data: [] }))).toMatch(/^larger than the limit/);
    expect(await reason(bmp({ width: 0, height: 1, bits: 24, data: [] }))).toBe('damaged file');
    expect(await reason(bmp({ width: 1, height: 1, bits: 24, compression: 4, data: [] }))).toMatch(/not supported/);
    expect(await reason(bmp({ width: 9, height: 9, bits: 8, compression: 1, palette, data: [5, 1] }))).toBe('truncated file');
  });
});
