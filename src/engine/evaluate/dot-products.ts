/**
 * Dot products of a few rows at a time with the processor's vector instructions, which JavaScript cannot reach
 * otherwise: one small WebAssembly function, assembled here. About four times as fast as the same loop in JavaScript.
 */

/** The part of the standard WebAssembly object that is used here; TypeScript knows it only together with the DOM. */
interface Runtime {
  Module: new (bytes: Uint8Array) => object;
  Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer };
  Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
}
const { WebAssembly: runtime } = globalThis as unknown as { WebAssembly: Runtime };

/** Rows that one call takes: 2 of the first matrix, 4 of the second; 8 sums and 6 rows fit the 16 vector registers. */
export const TILE_ROWS = 2;
export const TILE_COLUMNS = 4;

export interface DotProducts {
  /** The function's memory; every address below is a byte address in it, a multiple of 16. */
  memory: { readonly buffer: ArrayBuffer };
  /**
   * Rows of `rowBytes` bytes (a multiple of 16) at `a` and `b`: the 2 × 4 products go to `out`, the second row of them
   * `stride` bytes further.
   */
  tile(a: number, b: number, rowBytes: number, out: number, stride: number): void;
}

// The function's variables: parameters, then addresses, then vectors.
const [A, B, ROW, OUT, STRIDE] = [0, 1, 2, 3, 4];
const ADDRESS_A1 = 5;
const ADDRESSES_B = [B, 6, 7, 8];
const END = 9;
const SUMS = 10; // 8 of them
const COLUMNS = 18; // 4 of them
const I32 = 0x7f;
const V128 = 0x7b;

const get = (variable: number): number[] => [0x20, variable];
const set = (variable: number): number[] => [0x21, variable];
const add = [0x6a];
const loadVector = [0xfd, 0x00, 4, 0];
const addVectors = [0xfd, 0xe4, 0x01];
const multiplyVectors = [0xfd, 0xe6, 0x01];
const lane = (index: number): number[] => [0xfd, 0x1f, index];
const addFloats = [0x92];
const storeFloat = (offset: number): number[] => [0x38, 2, offset];

const each = (count: number, make: (index: number) => number[]): number[] =>
  Array.from({ length: count }, (_, index) => make(index)).flat();

function functionBody(): number[] {
  const advance = (address: number): number[] => [...get(address), 0x41, 16, ...add, ...set(address)];
  const row = (address: number, first: number): number[] =>
    each(TILE_COLUMNS, (column) => [
      ...get(first + column),
      ...get(address),
      ...loadVector,
      ...get(COLUMNS + column),
      ...multiplyVectors,
      ...addVectors,
      ...set(first + column),
    ]);
  const storeRow = (first: number): number[] =>
    each(TILE_COLUMNS, (column) => {
      const lanes = [0, 1, 2, 3].map((index) => [...get(first + column), ...lane(index)]);
      const sum = [...lanes[0]!, ...lanes[1]!, ...addFloats, ...lanes[2]!, ...lanes[3]!, ...addFloats, ...addFloats];
      return [...get(OUT), ...sum, ...storeFloat(4 * column)];
    });
  return [
    ...[2, 5, I32, 12, V128],
    ...[...get(A), ...get(ROW), ...add, 0x22, ADDRESS_A1, ...set(END)],
    ...each(3, (i) => [...get(ADDRESSES_B[i]!), ...get(ROW), ...add, ...set(ADDRESSES_B[i + 1]!)]),
    ...[0x03, 0x40], // loop
    ...each(TILE_COLUMNS, (column) => [...get(ADDRESSES_B[column]!), ...loadVector, ...set(COLUMNS + column)]),
    ...row(A, SUMS),
    ...row(ADDRESS_A1, SUMS + TILE_COLUMNS),
    ...[ADDRESS_A1, ...ADDRESSES_B, A].flatMap(advance),
    ...[...get(A), ...get(END), 0x49, 0x0d, 0], // again while A < END
    0x0b,
    ...storeRow(SUMS),
    ...[...get(OUT), ...get(STRIDE), ...add, ...set(OUT)],
    ...storeRow(SUMS + TILE_COLUMNS),
    0x0b,
  ];
}

function leb128(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest & 127) | 128);
  }
}

function assemble(): Uint8Array<ArrayBuffer> {
  const section = (id: number, contents: number[]): number[] => [id, ...leb128(contents.length), ...contents];
  const body = functionBody();
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 5, I32, I32, I32, I32, I32, 0]), // type: five i32, no result
    ...section(2, [1, 1, 0x6d, 1, 0x6d, 2, 0, 0]), // import m.m, a memory
    ...section(3, [1, 0]),
    ...section(7, [1, 1, 0x66, 0, 0]), // export f
    ...section(10, [1, ...leb128(body.length), ...body]),
  ]);
}

/** The function with `bytes` bytes of memory of its own. */
export function createDotProducts(bytes: number): DotProducts {
  const module = new runtime.Module(assemble());
  const memory = new runtime.Memory({ initial: Math.ceil(bytes / 65_536) });
  const instance = new runtime.Instance(module, { m: { m: memory } });
  return { memory, tile: instance.exports.f as DotProducts['tile'] };
}
