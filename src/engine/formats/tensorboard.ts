/**
 * TensorBoard event files: TFRecord framing (length, masked CRC-32C of it, data, masked CRC-32C of them; see
 * tensorflow/core/lib/io/record_writer.cc) around Event messages (tensorflow/core/util/event.proto) with scalars.
 */
import { open, readFile, type FileHandle } from 'node:fs/promises';
import { fileError, writeFileAtomic } from './atomic';

/** One record: either the file's version, or scalars of one step. */
export interface LoggedEvent {
  /** Seconds since 1970. */
  wallTime: number;
  step: number;
  fileVersion?: string;
  scalars: Record<string, number>;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});

/** CRC-32C (Castagnoli), rotated and offset, as a checksum of data that hold checksums would be weak. */
export function maskedCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 255]! ^ (crc >>> 8);
  crc = (crc ^ 0xffffffff) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function frame(message: Uint8Array): Uint8Array {
  const record = new Uint8Array(12 + message.length + 4);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(message.length), true);
  view.setUint32(8, maskedCrc32c(record.subarray(0, 8)), true);
  record.set(message, 12);
  view.setUint32(12 + message.length, maskedCrc32c(message), true);
  return record;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 128n) return [...bytes, Number(rest)];
    bytes.push(Number(rest & 127n) | 128);
  }
}

const text = (value: string): number[] => [...new TextEncoder().encode(value)];
const delimited = (field: number, bytes: readonly number[]): number[] => [(field << 3) | 2, ...varint(bytes.length), ...bytes];

function float(field: number, value: number, bytes: 4 | 8): number[] {
  const view = new DataView(new ArrayBuffer(bytes));
  if (bytes === 8) view.setFloat64(0, value, true);
  else view.setFloat32(0, value, true);
  return [(field << 3) | (bytes === 8 ? 1 : 5), ...new Uint8Array(view.buffer)];
}

/** Event: 1 wall_time (double), 2 step, 3 file_version, 5 summary; Summary: 1 value; Value: 1 tag, 2 simple_value (float). */
function encodeEvent(event: LoggedEvent): Uint8Array {
  const message = float(1, event.wallTime, 8);
  if (event.step !== 0) message.push(2 << 3, ...varint(event.step));
  if (event.fileVersion !== undefined) message.push(...delimited(3, text(event.fileVersion)));
  const values = Object.entries(event.scalars);
  if (values.length > 0) {
    const summary = values.flatMap(([tag, value]) => delimited(1, [...delimited(1, text(tag)), ...float(2, value, 4)]));
    message.push(...delimited(5, summary));
  }
  return Uint8Array.from(message);
}

export interface EventFile {
  /** Scalars of one step, kept in memory until `write`. `wallTime` in seconds since 1970. */
  add(step: number, scalars: Record<string, number>, wallTime?: number): void;
  /** Hands everything to the system: it outlives this process. */
  write(): Promise<void>;
  /** Writes, and makes it durable. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Opens an event file for appending, and begins it with the version record where it is new. */
export async function openEventFile(path: string): Promise<EventFile> {
  let handle: FileHandle;
  const pending: Uint8Array[] = [];
  const now = (): number => Date.now() / 1000;
  try {
    handle = await open(path, 'a+');
    const { size } = await handle.stat();
    if (size === 0) {
      pending.push(frame(encodeEvent({ wallTime: now(), step: 0, fileVersion: 'brain.Event:2', scalars: {} })));
    } else {
      const { whole } = splitRecords(await readFile(path));
      if (whole < size) await handle.truncate(whole);
    }
  } catch (error) {
    throw fileError(error, path);
  }
  let last: Promise<void> = Promise.resolve();
  const enqueue = (work: () => Promise<void>): Promise<void> => {
    const next = last.then(work).catch((error: unknown) => {
      throw fileError(error, path);
    });
    last = next.catch(() => undefined);
    return next;
  };
  const write = (): Promise<void> => {
    const bytes = Buffer.concat(pending.splice(0));
    return enqueue(() => handle.appendFile(bytes));
  };
  return {
    add(step, scalars, wallTime = now()) {
      pending.push(frame(encodeEvent({ wallTime, step, scalars })));
    },
    write,
    async flush() {
      await write();
      await enqueue(() => handle.sync());
    },
    async close() {
      try {
        await write();
      } finally {
        await handle.close();
      }
    },
  };
}

/** The messages of all whole records, and how many bytes they take with their frames; a torn end is left out. */
function splitRecords(bytes: Uint8Array): { messages: Uint8Array[]; whole: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: Uint8Array[] = [];
  let at = 0;
  while (at + 16 <= bytes.length) {
    const length = Number(view.getBigUint64(at, true));
    if (view.getUint32(at + 8, true) !== maskedCrc32c(bytes.subarray(at, at + 8))) break;
    if (at + 16 + length > bytes.length) break;
    const message = bytes.subarray(at + 12, at + 12 + length);
    if (view.getUint32(at + 12 + length, true) !== maskedCrc32c(message)) break;
    messages.push(message);
    at += 16 + length;
  }
  return { messages, whole: at };
}

/** Fields of one protobuf message: numbers for varint and fixed types, bytes for delimited ones. */
function* fields(message: Uint8Array): Generator<[field: number, value: number | Uint8Array], void, undefined> {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = view.getUint8(at++);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = number();
    const field = key >> 3;
    switch (key & 7) {
      case 0:
        yield [field, number()];
        break;
      case 1:
        yield [field, view.getFloat64(at, true)];
        at += 8;
        break;
      case 2: {
        const length = number();
        yield [field, message.subarray(at, at + length)];
        at += length;
        break;
      }
      case 5:
        yield [field, view.getFloat32(at, true)];
        at += 4;
        break;
      default:
        return;
    }
  }
}

function decodeEvent(message: Uint8Array): LoggedEvent {
  const event: LoggedEvent = { wallTime: 0, step: 0, scalars: {} };
  const decoder = new TextDecoder();
  for (const [field, value] of fields(message)) {
    if (field === 1 && typeof value === 'number') event.wallTime = value;
    if (field === 2 && typeof value === 'number') event.step = value;
    if (field === 3 && typeof value !== 'number') event.fileVersion = decoder.decode(value);
    if (field !== 5 || typeof value === 'number') continue;
    for (const [, entry] of fields(value)) {
      if (typeof entry === 'number') continue;
      let tag = '';
      let scalar = NaN;
      for (const [part, content] of fields(entry)) {
        if (part === 1 && typeof content !== 'number') tag = decoder.decode(content);
        if (part === 2 && typeof content === 'number') scalar = content;
      }
      event.scalars[tag] = scalar;
    }
  }
  return event;
}

async function readBytes(path: string): Promise<Uint8Array> {
  return readFile(path).catch((error: unknown) => {
    throw fileError(error, path);
  });
}

/** All whole records of a file, checksums verified; what a crash left at the end is ignored. */
export async function readEvents(path: string): Promise<LoggedEvent[]> {
  return splitRecords(await readBytes(path)).messages.map(decodeEvent);
}

/** Drops the records after `step` and a torn end: what a resumed run does before it goes on from that step. */
export async function truncateEvents(path: string, step: number): Promise<void> {
  const { messages } = splitRecords(await readBytes(path));
  await writeFileAtomic(path, Buffer.concat(messages.filter((message) => decodeEvent(message).step <= step).map(frame)));
}
