/**
 * safetensors: 8 bytes little-endian header length, a JSON header {name: {dtype, shape, data_offsets}}, then the data.
 * https://github.com/huggingface/safetensors (README, "Format"): headers up to 100 MB, offsets without gaps or overlap.
 * Tensors are read and written one at a time, so a file may be larger than memory for buffers allows. Where a file has
 * checksums (see `safetensors-checksums.ts`), what is read is held against them.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { UserError } from '../errors';
import { fileError, writeAtomically } from './atomic';
import { ChecksumReader, ChecksumWriter } from './safetensors-checksums';
import {
  ARRAYS,
  bytesPerElement,
  DamagedFileError,
  elements,
  encodeHeader,
  headerLength,
  parseHeader,
  type SafetensorsEntry,
  type StoredDtype,
  type TensorBytes,
  type TensorHeader,
} from './safetensors-header';

export interface StoredTensor {
  dtype: StoredDtype;
  shape: number[];
  data: TensorBytes;
}

export interface SafetensorsContents {
  tensors: Map<string, StoredTensor>;
  metadata: Record<string, string>;
}

function emptyTensor(entry: TensorHeader): { tensor: StoredTensor; bytes: Uint8Array } {
  const data = new ARRAYS[entry.dtype](entry.bytes / bytesPerElement(entry.dtype));
  return { tensor: { dtype: entry.dtype, shape: entry.shape, data }, bytes: new Uint8Array(data.buffer) };
}

/**
 * An open file: its header is checked, its tensors are read on demand. Close it. Where the file has checksums, reading a
 * tensor to its end fails with a DamagedFileError if it is not what was written.
 */
export interface SafetensorsFile {
  readonly entries: ReadonlyMap<string, TensorHeader>;
  readonly metadata: Readonly<Record<string, string>>;
  /** One tensor, in memory of its own. */
  read(name: string): Promise<StoredTensor>;
  /** The tensor's bytes in pieces of at most `most` bytes, each in memory of its own. */
  pieces(name: string, most: number): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>;
  close(): Promise<void>;
}

/** @throws DamagedFileError where it is cut off, damaged, or no safetensors file; UserError where it cannot be opened */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    throw fileError(error, path);
  }
  try {
    const { size } = await handle.stat();
    const prefix = new Uint8Array(Math.min(8, size));
    await readFully(handle, prefix, 0, path);
    const header = new Uint8Array(8 + headerLength(prefix, size, path));
    await readFully(handle, header, 0, path);
    const parsed = parseHeader(new TextDecoder().decode(header.subarray(8)), size - header.length, path);
    const { entries, metadata } = parsed;
    const readInto = (entry: TensorHeader, offset: number, target: Uint8Array): Promise<void> =>
      readFully(handle, target, header.length + entry.start + offset, path);
    const checksums = await ChecksumReader.open(path, parsed, header, async (entry) => {
      const bytes = new Uint8Array(entry.bytes);
      await readInto(entry, 0, bytes);
      return bytes;
    });
    const find = (name: string): TensorHeader => {
      const entry = entries.get(name);
      if (!entry) throw new UserError(`${path} has no tensor named ${JSON.stringify(name)}.`);
      return entry;
    };
    return {
      entries,
      metadata,
      async read(name) {
        const entry = find(name);
        const { tensor, bytes } = emptyTensor(entry);
        await readInto(entry, 0, bytes);
        checksums?.check(name, entry, crc32(bytes));
        return tensor;
      },
      async *pieces(name, most) {
        const entry = find(name);
        let sum = 0;
        for (let done = 0; done < entry.bytes; done += most) {
          const piece = new Uint8Array(Math.min(most, entry.bytes - done));
          await readInto(entry, done, piece);
          if (checksums) sum = crc32(piece, sum);
          yield piece;
        }
        checksums?.check(name, entry, sum);
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw fileError(error, path);
  }
}

/** Reads every tensor of a file. */
export async function readSafetensors(path: string): Promise<SafetensorsContents> {
  const file = await openSafetensors(path);
  try {
    const tensors = new Map<string, StoredTensor>();
    for (const name of file.entries.keys()) tensors.set(name, await file.read(name));
    return { tensors, metadata: file.metadata };
  } finally {
    await file.close();
  }
}

async function readFully(handle: FileHandle, target: Uint8Array, position: number, path: string): Promise<void> {
  const PIECE = 1 << 30; // one read call takes less than 2 GiB
  for (let done = 0; done < target.byteLength; ) {
    const { bytesRead } = await handle.read(target, done, Math.min(PIECE, target.byteLength - done), position + done);
    if (bytesRead === 0) throw new DamagedFileError(`${path} became shorter while it was being read.`);
    done += bytesRead;
  }
}

export interface WriteOptions {
  /** Adds the sums by which a reader notices damage, as one more tensor. */
  checksums?: boolean;
}

/** Writes header and data in the order given to an open file; lazily given data pass through piece by piece. */
export async function writeSafetensorsTo(
  handle: FileHandle,
  entries: readonly SafetensorsEntry[],
  metadata?: Record<string, string>,
  { checksums = false }: WriteOptions = {},
): Promise<void> {
  const sums = checksums ? new ChecksumWriter(entries) : undefined;
  const write = async (bytes: Uint8Array): Promise<void> => {
    sums?.add(bytes);
    await writeFully(handle, bytes);
  };
  const all = sums?.summed ?? entries;
  await write(encodeHeader(all, sums?.metadata(metadata) ?? metadata));
  for (const { name, dtype, shape, data } of all) {
    sums?.next();
    const expected = elements(shape)! * bytesPerElement(dtype);
    let written = 0;
    for await (const view of typeof data === 'function' ? data() : [data]) {
      written += view.byteLength;
      if (written > expected) throw new RangeError(`${name}: more than the ${expected} bytes of its shape`);
      await write(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    }
    if (written !== expected) throw new RangeError(`${name}: ${written} bytes, its shape needs ${expected}`);
  }
}

/** Writes a file that is complete or absent. Throws UserError where the disk is full or the place not writable. */
export function writeSafetensors(
  path: string,
  entries: readonly SafetensorsEntry[],
  metadata?: Record<string, string>,
  options?: WriteOptions,
): Promise<void> {
  return writeAtomically(path, (handle) => writeSafetensorsTo(handle, entries, metadata, options));
}

async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  const PIECE = 1 << 30;
  for (let done = 0; done < bytes.byteLength; ) {
    done += (await handle.write(bytes, done, Math.min(PIECE, bytes.byteLength - done))).bytesWritten;
  }
}

/** The values as f32; 64-bit integers and f64 lose precision, BOOL gives 0 and 1. */
export function toFloat32(tensor: StoredTensor): Float32Array {
  const { dtype, data } = tensor;
  if (data instanceof Float32Array) return data;
  const values = new Float32Array(data.length);
  if (dtype === 'BF16') {
    const bits = new Uint32Array(values.buffer);
    for (let i = 0; i < bits.length; i++) bits[i] = (data[i] as number) << 16;
  } else if (dtype === 'F16') {
    for (let i = 0; i < values.length; i++) values[i] = halfToNumber(data[i] as number);
  } else if (dtype === 'F8_E4M3' || dtype === 'F8_E5M2') {
    throw new UserError('Tensors of 8-bit floats cannot be used here: convert the file to F16 or F32 first.');
  } else {
    for (let i = 0; i < values.length; i++) values[i] = Number(data[i]);
  }
  return values;
}

/** IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
