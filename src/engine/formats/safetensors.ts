/**
 * safetensors: 8 bytes little-endian header length, a JSON header {name: {dtype, shape, data_offsets}}, then the data.
 * https://github.com/huggingface/safetensors (README, "Format"): headers up to 100 MB, offsets without gaps or overlap.
 * Tensors are read and written one at a time, so a file may be larger than memory for buffers allows.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { UserError } from '../errors';
import { fileError, writeAtomically } from './atomic';

export type TensorBytes =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/** F16, BF16 and the 8-bit floats are kept as their bits; `toFloat32` converts. */
const ARRAYS = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  F8_E4M3: Uint8Array,
  F8_E5M2: Uint8Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  I32: Int32Array,
  U32: Uint32Array,
  I16: Int16Array,
  U16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;
export type StoredDtype = keyof typeof ARRAYS;

export interface StoredTensor {
  dtype: StoredDtype;
  shape: number[];
  data: TensorBytes;
}

/** Where a tensor lies: `start` counts from the beginning of the data, in bytes. */
export interface TensorHeader {
  dtype: StoredDtype;
  shape: number[];
  start: number;
  bytes: number;
}

export interface SafetensorsContents {
  tensors: Map<string, StoredTensor>;
  metadata: Record<string, string>;
}

/** What to write: the data at hand, or a function that gives it in pieces when its turn comes. */
export interface SafetensorsEntry {
  name: string;
  dtype: StoredDtype;
  shape: readonly number[];
  data: ArrayBufferView | (() => AsyncIterable<ArrayBufferView>);
}

const HEADER_LIMIT = 100_000_000;

export const bytesPerElement = (dtype: StoredDtype): number => ARRAYS[dtype].BYTES_PER_ELEMENT;

const isDtype = (value: unknown): value is StoredDtype => typeof value === 'string' && Object.hasOwn(ARRAYS, value);

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Number of elements, or undefined where it is no safe integer. */
function elements(shape: readonly number[]): number | undefined {
  let count = 1;
  for (const size of shape) count *= size;
  return isSize(count) ? count : undefined;
}

interface ParsedHeader {
  entries: Map<string, TensorHeader>;
  metadata: Record<string, string>;
}

/** Checks everything that the header claims against the `dataBytes` that follow it. */
function parseHeader(text: string, dataBytes: number, file: string): ParsedHeader {
  const bad = (what: string): UserError => new UserError(`${file} is not a whole safetensors file: ${what}.`);
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    throw bad('its header is not JSON');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) throw bad('its header is not a JSON object');
  const entries = new Map<string, TensorHeader>();
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header as Record<string, unknown>)) {
    if (typeof value !== 'object' || value === null) throw bad(`the entry ${JSON.stringify(name)} is not an object`);
    if (name === '__metadata__') {
      if (Object.values(value).some((text) => typeof text !== 'string')) throw bad('its metadata is not text');
      metadata = Object.fromEntries(Object.entries(value as Record<string, string>));
      continue;
    }
    const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
    const of = `of the tensor ${JSON.stringify(name)}`;
    if (!isDtype(dtype)) throw bad(`the type ${of} is unknown (${String(JSON.stringify(dtype)).slice(0, 40)})`);
    if (!Array.isArray(shape) || !shape.every(isSize)) throw bad(`the shape ${of} is no list of sizes`);
    if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) throw bad(`the place ${of} is missing`);
    const [start, end] = offsets as [number, number];
    if (start > end || end > dataBytes) throw bad(`the data ${of} lie outside the file`);
    const count = elements(shape as number[]);
    if (count === undefined || count * bytesPerElement(dtype) !== end - start) {
      throw bad(`the data ${of} have ${end - start} bytes, which does not fit its shape [${shape.join(', ')}]`);
    }
    entries.set(name, { dtype, shape: shape as number[], start, bytes: end - start });
  }
  let reached = 0;
  for (const entry of [...entries.values()].sort((a, b) => a.start - b.start || a.bytes - b.bytes)) {
    if (entry.start !== reached) throw bad(entry.start < reached ? 'its tensors overlap' : 'there is a gap between its tensors');
    reached += entry.bytes;
  }
  if (reached !== dataBytes) throw bad(`${dataBytes - reached} bytes at its end belong to no tensor`);
  return { entries, metadata };
}

function headerLength(prefix: Uint8Array, fileBytes: number, file: string): number {
  const bad = (what: string): UserError => new UserError(`${file} is not a whole safetensors file: ${what}.`);
  if (prefix.byteLength < 8) throw bad('it is shorter than 8 bytes');
  const length = Number(new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true));
  if (length > HEADER_LIMIT) throw bad('its header would be larger than 100 MB');
  if (length + 8 > fileBytes) throw bad('it ends within its header');
  return length;
}

function emptyTensor(entry: TensorHeader): { tensor: StoredTensor; bytes: Uint8Array } {
  const data = new ARRAYS[entry.dtype](entry.bytes / bytesPerElement(entry.dtype));
  return { tensor: { dtype: entry.dtype, shape: entry.shape, data }, bytes: new Uint8Array(data.buffer) };
}

/** Reads a whole file from memory; `nameForErrors` is what messages call it. Throws UserError on anything irregular. */
export function parseSafetensors(bytes: Uint8Array, nameForErrors: string): SafetensorsContents {
  const length = headerLength(bytes, bytes.byteLength, nameForErrors);
  const data = bytes.subarray(8 + length);
  const { entries, metadata } = parseHeader(
    new TextDecoder().decode(bytes.subarray(8, 8 + length)),
    data.byteLength,
    nameForErrors,
  );
  const tensors = new Map<string, StoredTensor>();
  for (const [name, entry] of entries) {
    const { tensor, bytes: target } = emptyTensor(entry);
    target.set(data.subarray(entry.start, entry.start + entry.bytes));
    tensors.set(name, tensor);
  }
  return { tensors, metadata };
}

/** An open file: its header is checked, its tensors are read on demand. Close it. */
export interface SafetensorsFile {
  readonly entries: ReadonlyMap<string, TensorHeader>;
  readonly metadata: Record<string, string>;
  /** One tensor, in memory of its own. */
  read(name: string): Promise<StoredTensor>;
  /** Fills `target` from the tensor's bytes, beginning `offset` bytes into it: for staging buffers of bounded size. */
  readInto(name: string, offset: number, target: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    throw fileError(error, path);
  }
  try {
    const { size } = await handle.stat();
    const prefix = new Uint8Array(8);
    await readFully(handle, prefix, 0, path, Math.min(8, size));
    const length = headerLength(size < 8 ? prefix.subarray(0, size) : prefix, size, path);
    const text = new Uint8Array(length);
    await readFully(handle, text, 8, path);
    const { entries, metadata } = parseHeader(new TextDecoder().decode(text), size - 8 - length, path);
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
        await readFully(handle, bytes, 8 + length + entry.start, path);
        return tensor;
      },
      async readInto(name, offset, target) {
        const entry = find(name);
        if (offset < 0 || offset + target.byteLength > entry.bytes) {
          throw new RangeError(`${name}: ${offset} + ${target.byteLength} bytes exceed its ${entry.bytes}`);
        }
        await readFully(handle, target, 8 + length + entry.start + offset, path);
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

async function readFully(
  handle: FileHandle,
  target: Uint8Array,
  position: number,
  path: string,
  length = target.byteLength,
): Promise<void> {
  const PIECE = 1 << 30; // one read call takes less than 2 GiB
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(target, done, Math.min(PIECE, length - done), position + done);
    if (bytesRead === 0) throw new UserError(`${path} became shorter while it was being read.`);
    done += bytesRead;
  }
}

function encodeHeader(entries: readonly SafetensorsEntry[], metadata: Record<string, string> | undefined): Uint8Array {
  const header = new Map<string, unknown>();
  if (metadata && Object.keys(metadata).length > 0) header.set('__metadata__', metadata);
  let start = 0;
  for (const { name, dtype, shape } of entries) {
    const count = elements(shape);
    if (count === undefined) throw new RangeError(`${name}: impossible shape [${shape.join(', ')}]`);
    if (header.has(name) || name === '__metadata__') throw new RangeError(`two tensors are named ${name}`);
    const end = start + count * bytesPerElement(dtype);
    header.set(name, { dtype, shape, data_offsets: [start, end] });
    start = end;
  }
  const fields = [...header].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  const json = new TextEncoder().encode(`{${fields.join(',')}}`);
  // Spaces up to a multiple of 8, so that the data are aligned in memory-mapped files.
  const bytes = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20, 8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true);
  bytes.set(json, 8);
  return bytes;
}

/** Writes header and data in the order given to an open file; lazily given data pass through piece by piece. */
export async function writeSafetensorsTo(
  handle: FileHandle,
  entries: readonly SafetensorsEntry[],
  metadata?: Record<string, string>,
): Promise<void> {
  await writeFully(handle, encodeHeader(entries, metadata));
  for (const { name, dtype, shape, data } of entries) {
    const expected = elements(shape)! * bytesPerElement(dtype);
    let written = 0;
    const write = async (view: ArrayBufferView): Promise<void> => {
      written += view.byteLength;
      if (written > expected) throw new RangeError(`${name}: more than the ${expected} bytes of its shape`);
      await writeFully(handle, new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    };
    if (typeof data === 'function') for await (const piece of data()) await write(piece);
    else await write(data);
    if (written !== expected) throw new RangeError(`${name}: ${written} bytes, its shape needs ${expected}`);
  }
}

/** Writes a file that is complete or absent. Throws UserError where the disk is full or the place not writable. */
export function writeSafetensors(
  path: string,
  entries: readonly SafetensorsEntry[],
  metadata?: Record<string, string>,
): Promise<void> {
  return writeAtomically(path, (handle) => writeSafetensorsTo(handle, entries, metadata));
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
