/**
 * NumPy arrays, format 1.0 (numpy/lib/format.py): magic, version, a Python dict literal padded to 64 bytes, then the
 * values in row order. Little-endian f32, f64, i32, i64 and u8 only; object arrays (pickles) are refused.
 */
import { open, readFile, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../errors';
import { fileError, writeAtomically } from './atomic';

const ARRAYS = { '<f4': Float32Array, '<f8': Float64Array, '<i4': Int32Array, '<i8': BigInt64Array, '|u1': Uint8Array } as const;
type Descriptor = keyof typeof ARRAYS;

export type NpyData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

export interface NpyArray {
  shape: number[];
  data: NpyData;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

function descriptorOf(data: NpyData): Descriptor {
  if (data instanceof Float32Array) return '<f4';
  if (data instanceof Float64Array) return '<f8';
  if (data instanceof Int32Array) return '<i4';
  return data instanceof BigInt64Array ? '<i8' : '|u1';
}

function encodeHeader(descriptor: Descriptor, shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const dict = `{'descr': '${descriptor}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const total = Math.ceil((10 + dict.length + 1) / 64) * 64;
  const text = `${dict.padEnd(total - 10 - 1)}\n`;
  const bytes = new Uint8Array(total);
  bytes.set([...MAGIC, 1, 0, text.length & 255, text.length >> 8]);
  bytes.set(new TextEncoder().encode(text), 10);
  return bytes;
}

const asBytes = (data: ArrayBufferView): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Writes one array whole; complete or absent. */
export function writeNpy(path: string, data: NpyData, shape: readonly number[]): Promise<void> {
  const count = shape.reduce((product, size) => product * size, 1);
  if (count !== data.length) throw new RangeError(`shape [${shape.join(', ')}] does not fit ${data.length} values`);
  return writeAtomically(path, async (handle) => {
    await handle.writeFile(encodeHeader(descriptorOf(data), shape));
    await handle.writeFile(asBytes(data));
  });
}

/** Rows arrive in pieces; the file gets its name at `finish`, and is gone after `abandon`. */
export interface NpyWriter {
  append(rows: Float32Array | Int32Array): Promise<void>;
  finish(): Promise<void>;
  abandon(): Promise<void>;
}

/** A writer for `rows` rows of the shape `rowShape`; the count must be known, as it stands in the header. */
export async function openNpyWriter(
  path: string,
  dtype: 'f32' | 'i32',
  rows: number,
  rowShape: readonly number[],
): Promise<NpyWriter> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.partial`);
  const expected = rowShape.reduce((product, size) => product * size, rows);
  const array = dtype === 'f32' ? Float32Array : Int32Array;
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw fileError(error, path);
    }
  };
  const handle = await guarded(() => open(temporary, 'w'));
  await guarded(() => handle.writeFile(encodeHeader(dtype === 'f32' ? '<f4' : '<i4', [rows, ...rowShape])));
  let written = 0;
  const abandon = async (): Promise<void> => {
    await handle.close();
    await unlink(temporary).catch(() => undefined);
  };
  return {
    abandon,
    async append(values) {
      if (!(values instanceof array)) throw new TypeError(`this file holds ${dtype} values`);
      written += values.length;
      if (written > expected) throw new RangeError(`more than the ${expected} values announced`);
      await guarded(() => handle.writeFile(asBytes(values)));
    },
    async finish() {
      if (written !== expected) {
        await abandon();
        throw new RangeError(`${written} values written, ${expected} announced`);
      }
      try {
        await guarded(async () => {
          await handle.sync();
          await handle.close();
          await rename(temporary, path);
        });
      } catch (error) {
        await abandon();
        throw error;
      }
    },
  };
}

/** Reads an array from memory; `nameForErrors` is what messages call it. */
export function parseNpy(bytes: Uint8Array, nameForErrors: string): NpyArray {
  const bad = (what: string): UserError => new UserError(`${nameForErrors} cannot be read as a NumPy array: ${what}.`);
  if (bytes.length < 12 || MAGIC.some((byte, i) => bytes[i] !== byte)) throw bad('it does not begin like one');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6]!;
  const start = version === 1 ? 10 : 12;
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (version > 3 || start + length > bytes.length) throw bad('its header is cut or of an unknown version');
  const header = new TextDecoder().decode(bytes.subarray(start, start + length));
  const descriptor = /'descr':\s*'([^']+)'/.exec(header)?.[1];
  const tuple = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (tuple === undefined || !/'fortran_order':\s*(True|False)/.test(header)) throw bad('its header is not understood');
  if (descriptor === undefined || !Object.hasOwn(ARRAYS, descriptor)) throw bad(`values of type ${descriptor} are not supported`);
  if (/'fortran_order':\s*True/.test(header)) throw bad('its values are in column order');
  const shape = tuple.split(',').map((part) => part.trim()).filter((part) => part !== '').map(Number);
  const count = shape.reduce((product, size) => product * size, 1);
  const array = ARRAYS[descriptor as Descriptor];
  if (start + length + count * array.BYTES_PER_ELEMENT !== bytes.length) throw bad('its size does not fit its shape');
  // A copy, as the data need not be aligned within `bytes`.
  return { shape, data: new array(new Uint8Array(bytes.subarray(start + length)).buffer) };
}

/** Reads an array from a file. @throws UserError where it cannot be read, or is none of the supported types */
export async function readNpy(path: string): Promise<NpyArray> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw fileError(error, path);
  });
  return parseNpy(bytes, path);
}
