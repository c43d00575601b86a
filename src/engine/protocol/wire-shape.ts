/**
 * A look over MessagePack bytes before anything is made of them: what the decoder would do with deep nesting, with huge heads, or
 * with its many extensions (classes, records, references) is none of a stranger's business.
 */

/** Deeper than any value of the contract. */
const MOST_DEPTH = 32;
/** Values in one message, bulk numbers counted as one. */
const MOST_VALUES = 2_000_000;

/** Extensions that are let through: undefined (0), typed arrays (0x74). */
const UNDEFINED = 0;
const TYPED_ARRAY = 0x74;

/** Undefined where the bytes are exactly one value of plain kinds; otherwise what is wrong, as the end of a sentence. */
export function shapeProblem(bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** Values still to come, by depth. */
  const open = [1];
  let at = 0;
  let values = 0;
  while (open.length > 0) {
    const depth = open.length - 1;
    if (open[depth] === 0) {
      open.pop();
      continue;
    }
    open[depth]!--;
    if (++values > MOST_VALUES) return 'it holds too many values';
    if (at >= bytes.length) return 'it ends too early';
    const token = bytes[at++]!;
    const head = headOf(token);
    if (head === undefined) return 'it holds something that has no place in it';
    if (at + head.lengthBytes + (head.kind === 'extension' ? 1 : 0) > bytes.length) return 'it ends too early';
    const length = head.lengthBytes === 0 ? head.length : lengthAt(view, at, head.lengthBytes);
    at += head.lengthBytes;
    if (head.kind === 'extension') {
      const type = bytes[at++]!;
      if (type !== UNDEFINED && type !== TYPED_ARRAY) return 'it holds something that has no place in it';
    }
    if (head.kind === 'array' || head.kind === 'map') {
      if (depth + 1 >= MOST_DEPTH) return 'it is nested too deeply';
      open.push(head.kind === 'map' ? length * 2 : length);
    } else {
      at += length;
    }
    if (at > bytes.length) return 'it ends too early';
  }
  return at === bytes.length ? undefined : 'something follows its end';
}

interface Head {
  kind: 'plain' | 'array' | 'map' | 'extension';
  /** Of bytes that follow, or of entries; where `lengthBytes` is 0. */
  length: number;
  /** Width of the length that follows the token. */
  lengthBytes: 0 | 1 | 2 | 4;
}

const head = (kind: Head['kind'], length: number, lengthBytes: Head['lengthBytes'] = 0): Head => ({ kind, length, lengthBytes });

/** By https://github.com/msgpack/msgpack/blob/master/spec.md, formats. */
function headOf(token: number): Head | undefined {
  if (token <= 0x7f || token >= 0xe0) return head('plain', 0);
  if (token <= 0x8f) return head('map', token & 0x0f);
  if (token <= 0x9f) return head('array', token & 0x0f);
  if (token <= 0xbf) return head('plain', token & 0x1f);
  if (token === 0xc1) return undefined;
  if (token <= 0xc3) return head('plain', 0);
  if (token <= 0xc6) return head('plain', 0, ([1, 2, 4] as const)[token - 0xc4]);
  if (token <= 0xc9) return head('extension', 0, ([1, 2, 4] as const)[token - 0xc7]);
  if (token <= 0xcb) return head('plain', token === 0xca ? 4 : 8);
  if (token <= 0xd3) return head('plain', 1 << ((token - 0xcc) & 3));
  if (token <= 0xd8) return head('extension', 1 << (token - 0xd4));
  if (token <= 0xdb) return head('plain', 0, ([1, 2, 4] as const)[token - 0xd9]);
  return head(token <= 0xdd ? 'array' : 'map', 0, token % 2 === 0 ? 2 : 4);
}

const lengthAt = (view: DataView, at: number, width: 1 | 2 | 4): number =>
  width === 1 ? view.getUint8(at) : width === 2 ? view.getUint16(at) : view.getUint32(at);
