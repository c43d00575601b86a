/**
 * The header of a safetensors file: 8 bytes little-endian length, then JSON {name: {dtype, shape, data_offsets}}.
 * https://github.com/huggingface/safetensors (README, "Format"): headers up to 100 MB, offsets without gaps or overlap.
 */
import { UserError } from '../errors';

/** What is in the file is not what was written, or no safetensors file at all: it will never load. */
export class DamagedFileError extends UserError {}

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
export const ARRAYS = {
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

/** Where a tensor lies: `start` counts from the beginning of the data, in bytes. */
export interface TensorHeader {
  dtype: StoredDtype;
  shape: number[];
  start: number;
  bytes: number;
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
export function elements(shape: readonly number[]): number | undefined {
  let count = 1;
  for (const size of shape) count *= size;
  return isSize(count) ? count : undefined;
}

const notWhole = (file: string, what: string): DamagedFileError =>
  new DamagedFileError(`${file} is not a whole safetensors file: ${what}.`);

export interface ParsedHeader {
  entries: Map<string, TensorHeader>;
  metadata: Record<string, string>;
}

/** Checks everything that the header claims against the `dataBytes` that follow it. */
export function parseHeader(text: string, dataBytes: number, file: string): ParsedHeader {
  const bad = (what: string): DamagedFileError => notWhole(file, what);
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

/** Bytes of the JSON header, from the file's first 8 bytes. @throws DamagedFileError where the file is shorter, or the header too long */
export function headerLength(prefix: Uint8Array, fileBytes: number, file: string): number {
  const bad = (what: string): DamagedFileError => notWhole(file, what);
  if (prefix.byteLength < 8) throw bad('it is shorter than 8 bytes');
  const length = Number(new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true));
  if (length > HEADER_LIMIT) throw bad('its header would be larger than 100 MB');
  if (length + 8 > fileBytes) throw bad('it ends within its header');
  return length;
}

/** Length and JSON header for entries in their order. @throws RangeError for two of one name, or an impossible shape */
export function encodeHeader(entries: readonly SafetensorsEntry[], metadata: Record<string, string> | undefined): Uint8Array {
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
