import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/engine/errors';
import {
  DamagedFileError,
  openSafetensors,
  readSafetensors,
  toFloat32,
  writeSafetensors,
  type SafetensorsEntry,
  type StoredDtype,
} from '../../../src/engine/formats';
import { temporaryFolder } from '../../support/temporary-folder';

const folder = temporaryFolder();

/** A file with this header text and that many data bytes. */
function forge(header: unknown, dataBytes = 0, length?: bigint): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}
const f32 = (start: number, end: number, shape = [(end - start) / 4]): object => ({
  dtype: 'F32',
  shape,
  data_offsets: [start, end],
});

describe('a safetensors file', () => {
  it('comes back as it was written, in every type, odd sizes and scalars included', async () => {
    const entries: SafetensorsEntry[] = [
      { name: 'byte', dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 255) },
      { name: 'f64', dtype: 'F64', shape: [2], data: Float64Array.of(Math.PI, -0) },
      { name: 'f32', dtype: 'F32', shape: [2, 1, 2], data: Float32Array.of(1, NaN, -Infinity, 1e-40) },
      { name: 'f16', dtype: 'F16', shape: [1], data: Uint16Array.of(0x3c00) },
      { name: 'bf16', dtype: 'BF16', shape: [1], data: Uint16Array.of(0xbf80) },
      { name: 'i64', dtype: 'I64', shape: [], data: BigInt64Array.of(-5n) },
      { name: 'i32', dtype: 'I32', shape: [1], data: Int32Array.of(-7) },
      { name: 'bool', dtype: 'BOOL', shape: [2], data: Uint8Array.of(0, 1) },
      { name: 'none', dtype: 'F32', shape: [0, 5], data: new Float32Array(0) },
      { name: '__proto__', dtype: 'I8', shape: [1], data: Int8Array.of(-1) },
      { name: 'é "quoted"\n', dtype: 'I16', shape: [1], data: Int16Array.of(300) },
    ];
    const path = join(folder, 'all.safetensors');
    await writeSafetensors(path, entries, { format: 'pt', note: 'ü' });
    const { tensors, metadata } = await readSafetensors(path);
    expect([...tensors.keys()]).toEqual(entries.map((entry) => entry.name));
    expect(metadata).toEqual({ format: 'pt', note: 'ü' });
    for (const { name, dtype, shape, data } of entries) expect(tensors.get(name), name).toEqual({ dtype, shape, data });
    expect(await readdir(folder)).toEqual(['all.safetensors']);
  });

  it('has a header padded to 8 bytes, as the format says', async () => {
    const path = join(folder, 'layout.safetensors');
    await writeSafetensors(path, [{ name: 'a', dtype: 'F32', shape: [1], data: Float32Array.of(1) }]);
    const bytes = await readFile(path);
    const length = Number(bytes.readBigUInt64LE());
    expect(length % 8).toBe(0);
    expect(bytes.subarray(8, 8 + length).toString().trimEnd()).toBe('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}');
    expect(bytes.subarray(8 + length)).toEqual(Buffer.from([0, 0, 0x80, 0x3f]));
  });

  it('is written from pieces and read in pieces', async () => {
    const path = join(folder, 'pieces.safetensors');
    async function* pieces(): AsyncGenerator<Float32Array> {
      for (let i = 0; i < 4; i++) yield Float32Array.of(2 * i, 2 * i + 1);
    }
    await writeSafetensors(path, [
      { name: 'first', dtype: 'U8', shape: [1], data: Uint8Array.of(9) },
      { name: 'lazy', dtype: 'F32', shape: [8], data: pieces },
    ]);
    const file = await openSafetensors(path);
    const read: number[][] = [];
    for await (const piece of file.pieces('lazy', 12)) read.push([...new Float32Array(piece.buffer)]);
    expect(read).toEqual([[0, 1, 2], [3, 4, 5], [6, 7]]);
    await expect(file.read('absent')).rejects.toThrow(UserError);
    await file.close();
  });

  describe('with checksums', () => {
    const entries: SafetensorsEntry[] = [
      { name: 'later', dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 255) },
      { name: '7', dtype: 'F32', shape: [2], data: Float32Array.of(1, -2) },
      { name: 'none', dtype: 'F32', shape: [0], data: new Float32Array(0) },
    ];
    const path = (): string => join(folder, 'summed.safetensors');
    const metadata = { step: '3' };

    it('gives back what was written without them, and is an ordinary file with one more tensor', async () => {
      await writeSafetensors(path(), entries, metadata, { checksums: true });
      const { tensors, metadata: read } = await readSafetensors(path());
      expect(read).toEqual(metadata);
      // Objects in JavaScript list names that are numbers first.
      expect([...tensors.keys()].sort()).toEqual(['7', 'later', 'none']);
      for (const { name, dtype, shape, data } of entries) expect(tensors.get(name), name).toEqual({ dtype, shape, data });
      const bytes = await readFile(path());
      const header = bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE())).toString();
      expect(JSON.parse(header)).toMatchObject({
        __metadata__: { step: '3', checksums: 'crc32' },
        'checksums.crc32': { dtype: 'U32', shape: [4], data_offsets: [11, 27] },
      });
      // CRC-32 of 01 02 ff, of 1 and -2 in f32, of nothing: Python's zlib.crc32.
      const sums = bytes.subarray(bytes.length - 12);
      expect([0, 4, 8].map((at) => sums.readUInt32LE(at))).toEqual([3786882602, 3280414294, 0]);
    });

    it('is refused whichever bit of it is flipped', async () => {
      await writeSafetensors(path(), entries, metadata, { checksums: true });
      const bytes = await readFile(path());
      const damaged = join(folder, 'flipped.safetensors');
      for (let at = 0; at < bytes.length; at++) {
        const flipped = Buffer.from(bytes);
        flipped[at]! ^= 1 << (at % 8);
        await writeFile(damaged, flipped);
        await expect(readSafetensors(damaged), `byte ${at}`).rejects.toThrow(DamagedFileError);
      }
    });

    it('is told to be damaged, and where, when it is read in pieces', async () => {
      await writeSafetensors(path(), entries, metadata, { checksums: true });
      const bytes = await readFile(path());
      bytes[bytes.length - 17]! ^= 1;
      await writeFile(path(), bytes);
      const file = await openSafetensors(path());
      const read = async (name: string): Promise<void> => {
        for await (const piece of file.pieces(name, 4)) expect(piece.length).toBeLessThanOrEqual(4);
      };
      await read('later');
      await expect(read('7')).rejects.toThrow(/is damaged: its tensor 7 does not match its checksum/);
      await file.close();
    });
  });

  it('leaves the old file and no temporary one when writing fails', async () => {
    const path = join(folder, 'kept.safetensors');
    await writeSafetensors(path, [{ name: 'a', dtype: 'U8', shape: [1], data: Uint8Array.of(1) }]);
    const before = await readFile(path);
    async function* tooLittle(): AsyncGenerator<Uint8Array> {
      yield Uint8Array.of(1, 2);
    }
    await expect(writeSafetensors(path, [{ name: 'a', dtype: 'U8', shape: [3], data: tooLittle }])).rejects.toThrow(/2 bytes/);
    expect(await readFile(path)).toEqual(before);
    expect((await readdir(folder)).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['an empty file', new Uint8Array(0), /shorter than 8/],
    ['seven bytes', new Uint8Array(7), /shorter than 8/],
    ['a header beyond the end', forge({}, 0, 3n), /ends within its header/],
    ['a header of terabytes', forge({}, 0, 1n << 43n), /larger than 100 MB/],
    ['a negative length', forge({}, 0, 0xffffffffffffffffn), /larger than 100 MB/],
    ['no JSON', forge('{nope'), /not JSON/],
    ['a list', forge('[]'), /not a JSON object/],
    ['null', forge('null'), /not a JSON object/],
    ['an entry that is a number', forge({ a: 1 }), /not an object/],
    ['metadata that are no text', forge({ __metadata__: { a: 1 } }), /metadata/],
    ['an unknown type', forge({ a: { dtype: 'toString', shape: [1], data_offsets: [0, 4] } }, 4), /type of the tensor "a"/],
    ['a negative size', forge({ a: f32(0, 4, [-1]) }, 4), /shape/],
    ['a broken size', forge({ a: f32(0, 4, [0.5]) }, 4), /shape/],
    ['a shape too large', forge({ a: f32(0, 4, [2 ** 40, 2 ** 40]) }, 4), /does not fit its shape/],
    ['too few bytes', forge({ a: f32(0, 4, [2]) }, 4), /does not fit its shape/],
    ['data beyond the end', forge({ a: f32(0, 8) }, 4), /outside the file/],
    ['offsets backwards', forge({ a: f32(4, 0, [1]) }, 4), /outside the file/],
    ['no offsets', forge({ a: { dtype: 'F32', shape: [1] } }, 4), /place/],
    ['overlapping tensors', forge({ a: f32(0, 8), b: f32(4, 12) }, 12), /overlap/],
    ['a gap', forge({ a: f32(0, 4), b: f32(8, 12) }, 12), /gap/],
    ['bytes left over', forge({ a: f32(0, 4) }, 6), /2 bytes at its end/],
  ])('is refused when it is %s', async (what, bytes, reason) => {
    const path = join(folder, 'bad.safetensors');
    await writeFile(path, bytes);
    await expect(readSafetensors(path), what).rejects.toThrow(reason);
    await expect(readSafetensors(path)).rejects.toThrow(DamagedFileError);
    await expect(readSafetensors(path)).rejects.toThrow(path);
  });

  it('says plainly that a file is missing', async () => {
    await expect(readSafetensors(join(folder, 'nothing'))).rejects.toThrow(/no such file/);
    await expect(readSafetensors(folder)).rejects.toThrow(/is a folder/);
  });

  it('gives any number type as f32', () => {
    const convert = (dtype: StoredDtype, data: Uint16Array | BigInt64Array | Uint8Array): number[] => [
      ...toFloat32({ dtype, shape: [data.length], data }),
    ];
    // Values of IEEE 754 binary16: 1, -2, the largest, the smallest subnormal, infinity, and bfloat16's 1, -2, 3.140625.
    expect(convert('F16', Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0xfc00))).toEqual([1, -2, 65504, 2 ** -24, -Infinity]);
    expect(convert('BF16', Uint16Array.of(0x3f80, 0xc000, 0x4049))).toEqual([1, -2, 3.140625]);
    expect(convert('I64', BigInt64Array.of(3n, -4n))).toEqual([3, -4]);
    expect(convert('BOOL', Uint8Array.of(0, 1))).toEqual([0, 1]);
  });
});
