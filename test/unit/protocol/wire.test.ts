/** Messages over bytes: everything comes back as it was, and no bytes from outside do harm. */
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { ProtocolError, type ClientMessage, type EngineMessage } from '../../../src/engine/protocol';
import { decodeMessage, encodeMessage, WIRE_LIMITS } from '../../../src/engine/protocol/wire';

const result = (value: unknown): EngineMessage => ({ kind: 'result', id: 1, value });
const overWire = (value: unknown): unknown => {
  const message = decodeMessage(encodeMessage(result(value), 'engine'), 'engine');
  return message.kind === 'result' ? message.value : undefined;
};

function refused(bytes: Uint8Array): string {
  try {
    decodeMessage(bytes, 'client');
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    expect(error.message).toMatch(/^[A-Z][^\n]{0,300}\.$/);
    return error.message;
  }
  throw new Error('It was accepted.');
}

describe('encoding', () => {
  it.each([
    ['null', null],
    ['texts', ['', 'ä 鳥 🐦', 'x'.repeat(70_000)]],
    ['numbers', [0, -1, 127, 128, -129, 65_536, 2 ** 32, 2 ** 40, -(2 ** 40), Number.MAX_SAFE_INTEGER, 0.1, 1e300]],
    ['nested objects', { a: [{ b: { c: [true, false, null] } }], 'two words': 1 }],
    ['repeated objects', Array.from({ length: 300 }, (_, i) => ({ step: i, epoch: i / 2 }))],
  ])('brings back %s', (_name, value) => {
    expect(overWire(value)).toEqual(value);
  });

  it.each([
    Uint8Array.of(1, 2, 255),
    Int32Array.of(-1, 2 ** 31 - 1),
    Uint32Array.of(0, 2 ** 32 - 1),
    Float32Array.of(0.5, NaN, -Infinity),
    Float64Array.of(0.1, -0),
    new Float64Array(0),
    Float32Array.from({ length: 70_000 }, (_, i) => i),
  ])('brings back typed arrays as their own kind (%#)', (array) => {
    const back = overWire({ odd: 'x', array }) as { array: unknown };
    expect(Object.prototype.toString.call(back.array)).toBe(Object.prototype.toString.call(array));
    expect(Array.from(back.array as Float64Array)).toEqual(Array.from(array));
  });

  it('brings back a part of a larger buffer alone', () => {
    const part = new Uint32Array(100).fill(7).subarray(10, 13);
    expect(overWire(part)).toEqual(Uint32Array.of(7, 7, 7));
  });

  it('copies bytes out of the frame', () => {
    const frame = encodeMessage(result(Uint8Array.of(1, 2, 3)), 'engine');
    const message = decodeMessage(frame, 'engine');
    frame.fill(0);
    expect(message.kind === 'result' && Array.from(message.value as Uint8Array)).toEqual([1, 2, 3]);
  });

  it('leaves out nothing of a call', () => {
    const params = { pictures: Uint32Array.of(4), use: true };
    const call: ClientMessage = { kind: 'call', id: 5, method: 'datasets.setUse', params };
    expect(decodeMessage(encodeMessage(call, 'client'), 'client')).toEqual(call);
  });
});

describe('limits', () => {
  it('refuses what is too large, on both sides, and says how much it was', () => {
    const call: ClientMessage = { kind: 'call', id: 5, method: 'a', params: new Uint8Array(WIRE_LIMITS.client) };
    expect(() => encodeMessage(call, 'client')).toThrow(/24\.0 MiB/);
    expect(refused(new Uint8Array(WIRE_LIMITS.client + 1))).toMatch(/at most 24\.0 MiB/);
  });

  it('takes all ids of four million pictures', () => {
    const call: ClientMessage = { kind: 'call', id: 5, method: 'a', params: new Uint32Array(4_000_000) };
    expect(decodeMessage(encodeMessage(call, 'client'), 'client').kind).toBe('call');
  });
});

describe('hostile bytes', () => {
  const records = new Packr({ useRecords: true });
  const clones = new Packr({ structuredClone: true, moreTypes: true });
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  const params = (value: unknown): unknown => ({ kind: 'call', id: 1, method: 'a', params: value });

  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['nesting of arrays', new Uint8Array(1_000_000).fill(0x91)],
    ['nesting of maps', new Uint8Array(1_000_000).fill(0x81)],
    ['an array that claims four billion entries', Uint8Array.of(0xdd, 255, 255, 255, 255)],
    ['a map that claims four billion entries', Uint8Array.of(0xdf, 255, 255, 255, 255)],
    ['a text that claims four billion letters', Uint8Array.of(0xdb, 255, 255, 255, 255, 65)],
    ['bytes that claim to be many', Uint8Array.of(0xc6, 255, 255, 255, 255, 0)],
    ['a head that is cut off', Uint8Array.of(0xdd, 255)],
    ['an extension that is cut off', Uint8Array.of(0xc7)],
    ['the token that is never used', Uint8Array.of(0xc1)],
    ['something after the end', Uint8Array.of(0x80, 0x80)],
    ['a typed array of no kind', Uint8Array.of(0xc7, 2, 0x74, 99, 0)],
    ['a typed array whose bytes do not fit', Uint8Array.of(0xc7, 4, 0x74, 8, 0, 0, 0)],
    ['an empty typed array without a kind', Uint8Array.of(0xc7, 0, 0x74)],
    ['three million values', new Uint8Array(3_000_005).fill(0xc0).map((v, i) => [0xdd, 0, 0x2d, 0xc6, 0xc0][i] ?? v)],
    ['records', records.pack(params({ a: 1 }))],
    ['a regular expression', clones.pack(params(/a+$/))],
    ['a set', clones.pack(params(new Set([1])))],
    ['an error', clones.pack(params(new Error('x')))],
    ['a circle', clones.pack(params(cycle))],
    ['a date', clones.pack(params(new Date(0)))],
    ['a value that is no message', Uint8Array.of(0x05)],
  ])('refuses %s', (_name, bytes) => {
    refused(bytes);
  });

  it('survives noise', () => {
    let state = 1;
    const next = (): number => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31);
    const params = { ids: Uint32Array.of(1, 2) };
    const valid = encodeMessage({ kind: 'call', id: 3, method: 'pictures.rows', params }, 'client');
    for (let round = 0; round < 5000; round++) {
      const bytes = round % 2 ? Uint8Array.from({ length: next() % 60 }, () => next() >> 8) : Uint8Array.from(valid);
      if (round % 2 === 0) for (let i = 0; i < 3; i++) bytes[next() % bytes.length] = next() >> 8;
      try {
        decodeMessage(bytes, 'client');
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }
  });

  it('does not touch prototypes', () => {
    const plain = new Packr({ useRecords: false });
    const object: unknown = JSON.parse('{"__proto__": {"polluted": 1}}');
    const message = decodeMessage(plain.pack({ kind: 'call', id: 1, method: 'a', params: object }), 'client');
    expect(message.kind === 'call' && 'polluted' in (message.params as object)).toBe(false);
  });
});
