/**
 * Messages as bytes, for transports that carry nothing else (the WebSocket of `ibot serve`): one message is one binary frame of
 * MessagePack, typed arrays as its extension 0x74 (a byte for their kind, then their bytes, little-endian).
 * Ports and pipes that clone structures carry messages as they are and need none of this.
 */
import { Packr } from 'msgpackr';
import { parseMessage, ProtocolError, type ClientMessage, type EngineMessage, type Message, type Sender } from './messages';
import { shapeProblem } from './wire-shape';

/** Largest frame, in bytes: a window sends at most some millions of picture ids, the engine pictures and curves too. */
export const WIRE_LIMITS: Readonly<Record<Sender, number>> = { client: 24 * 2 ** 20, engine: 64 * 2 ** 20 };

const packr = new Packr({ useRecords: false, moreTypes: true, structuredClone: false, mapsAsObjects: true, copyBuffers: true });

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** @throws ProtocolError where it would be larger than `from` may send */
export function encodeMessage(message: Message, from: Sender): Uint8Array {
  const bytes = packr.pack(message);
  if (bytes.byteLength <= WIRE_LIMITS[from]) return bytes;
  throw new ProtocolError(
    `A message of ${megabytes(bytes.byteLength)} is more than the ${megabytes(WIRE_LIMITS[from])} that can be sent at once.`,
    'invalid',
    'id' in message ? message.id : undefined,
  );
}

/**
 * Bytes from outside: size, shape and envelope are checked, in this order. Params, results and events are still to be
 * checked, by `parseCall` and its like. @throws ProtocolError
 */
export function decodeMessage(bytes: Uint8Array, from: 'client'): ClientMessage;
export function decodeMessage(bytes: Uint8Array, from: 'engine'): EngineMessage;
export function decodeMessage(bytes: Uint8Array, from: Sender): Message {
  if (bytes.byteLength > WIRE_LIMITS[from]) {
    const limit = megabytes(WIRE_LIMITS[from]);
    throw new ProtocolError(`A message of ${megabytes(bytes.byteLength)} came in; at most ${limit} are taken.`);
  }
  const problem = shapeProblem(bytes);
  if (problem) throw new ProtocolError(`What came in is no message: ${problem}.`);
  let value: unknown;
  try {
    value = packr.unpack(bytes);
  } catch {
    throw new ProtocolError('What came in is no message: it cannot be decoded.');
  }
  return parseMessage(value, from);
}
