/**
 * Attention for software devices, which hold one value of all lanes of a subgroup in one vector register, and pay dearly
 * for every access to a buffer and for every index that is not a constant. A workgroup is one subgroup. Each lane owns R
 * tokens (queries; keys in the key pass), whose columns lie in private arrays with constant indices. The tokens of the
 * other side stream past one by one: the lanes load a piece of the row each and hand it round in registers. So
 *
 * - scalar products with the resident columns are added up in each lane, with no sums across lanes;
 * - softmax needs nothing from other lanes;
 * - a streamed element is loaded once for lanes × R tokens.
 *
 * Streaming several tokens at a time would touch the accumulators less often, but measures 20–40% slower: the loop's text has
 * to stay short. So do the private arrays: past 24 KiB for all lanes they leave the processor's first cache.
 */
import type { Gpu } from '../gpu';
import { writtenOnce, type Dispatch } from '../graph';
import {
  LN2,
  LOCATE,
  LOG2E,
  LOWEST,
  passDispatch,
  type AttentionForm,
  type AttentionPass,
  type BackwardTensors,
  type ForwardTensors,
  type PassKind,
} from './attention-pass';

/** Subgroups of a fixed size; larger ones than 16 are real GPUs, where the private arrays would spill. */
export const lanesAvailable = ({ info }: Gpu): boolean => info.software && info.subgroupSize >= 4 && info.subgroupSize <= 16;

/** Resident arrays of a kernel: columns × R values × lanes each. */
const ARRAYS: Record<PassKind, number> = { forward: 2, 'query-gradient': 3, 'key-gradient': 4 };
const MOST_ROWS = 5;

/** Tokens per lane: wastes least on padding, where the cost of a band that does not grow with its rows counts as 2 rows. */
export function lanesRows(kind: PassKind, length: number, size: number, lanes: number): number {
  const most = Math.max(1, Math.min(MOST_ROWS, Math.floor((24 * 1024) / (ARRAYS[kind] * size * 4 * lanes))));
  let rows = 1;
  let least = Infinity;
  for (let n = 1; n <= most; n++) {
    const cost = Math.ceil(length / (lanes * n)) * (n + 2);
    if (cost < least) [rows, least] = [n, cost];
  }
  return rows;
}

/** R values of a lane as WGSL vectors: 5 = vec4f and f32. */
const partsOf = (rows: number): number[] => (rows <= 4 ? [rows] : [4, rows - 4]);
const typeOf = (part: number): string => (part === 1 ? 'f32' : `vec${part}f`);
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const XYZW = ['x', 'y', 'z', 'w'] as const;

/** The address of column vec4 `column` of a row, both as WGSL. */
type Address = (row: string, column: string) => string;
const QUERY: Address = (row, column) => `${row} * stride + head_at + ${column}`;
const KEY: Address = (row, column) => `${row} * stride + width + head_at + ${column}`;
const VALUE: Address = (row, column) => `${row} * stride + 2u * width + head_at + ${column}`;
const OUT: Address = (row, column) => `${row} * width + head_at + ${column}`;
const SCALED = `* (p.scale * ${LOG2E})`;

/**
 * Writes the parts of a kernel for one head size, number of owned tokens and lane count. In texts, `#` stands for the part of
 * the R values (they take one or two vectors) and TYPE for its type.
 */
class Writer {
  private readonly parts: number[];
  private readonly vectors: number;
  private readonly shuffle: string;
  readonly owned: number[];

  constructor(
    private readonly size: number,
    private readonly lanes: number,
    private readonly rows: number,
  ) {
    this.parts = partsOf(rows);
    this.vectors = size / 4;
    this.owned = range(rows);
    // A shuffle from a constant lane is one instruction with 8 lanes, a loop with other counts.
    this.shuffle = lanes === 8 ? 'subgroupShuffle' : 'subgroupBroadcast';
  }

  each(text: string): string {
    return this.parts.map((part, h) => text.replaceAll('#', `${h}`).replaceAll('TYPE', typeOf(part))).join('\n');
  }

  /** Assigns R scalars to `target`. */
  gather(target: string, value: (c: number) => string): string {
    let c = 0;
    const assign = (part: number, h: number): string => {
      const values = range(part).map(() => value(c++));
      return `${target.replaceAll('#', `${h}`)} = ${typeOf(part)}(${values.join(', ')});`;
    };
    return this.parts.map(assign).join('\n');
  }

  /** The c-th of the R values called `name`. */
  pick(name: string, c: number): string {
    const h = Math.floor(c / 4);
    return name.replaceAll('#', `${h}`) + (this.parts[h] === 1 ? '' : `.${XYZW[c % 4]}`);
  }

  arrays(...names: string[]): string {
    return names.map((name) => this.each(`var ${name}#: array<TYPE, ${this.size}>;`)).join('\n');
  }

  /** Loads the owned tokens' columns into private arrays, in a loop: unrolled, it would take seconds to compile. */
  fill(sources: { name: string; value: (row: string) => string }[], extra = ''): string {
    const lines = sources.flatMap(({ name, value }) => [
      ...this.owned.map((c) => `let ${name}_${c} = ${value(`row_${c}`)};`),
      ...XYZW.map((e, n) => this.gather(`${name}#[4u * i + ${n}u]`, (c) => `${name}_${c}.${e}`)),
    ]);
    return `for (var i = 0u; i < p.vectors; i++) {\n${lines.join('\n')}\n${extra}\n}`;
  }

  /** Each lane's pieces of the streamed row: `name_piece`. */
  load(name: string, buffer: string, address: Address): string {
    const pieces = range(Math.ceil(this.vectors / this.lanes)).map((n) => {
      const column = `lane + ${n * this.lanes}u`;
      const inside = (n + 1) * this.lanes <= this.vectors ? column : `min(${column}, ${this.vectors - 1}u)`;
      return `let ${name}_${n} = ${buffer}[${address('streamed', inside)}];`;
    });
    return pieces.join('\n');
  }

  /** Column k of the streamed row, in all lanes. */
  private column(name: string, k: number): string {
    const vector = Math.floor(k / 4);
    const piece = `${name}_${Math.floor(vector / this.lanes)}`;
    return `${this.shuffle}(${piece}.${XYZW[k % 4]}, ${vector % this.lanes}u)`;
  }

  /** `target#` = Σ over columns of the streamed row `name` × `resident`, added up four at a time. */
  contract(target: string, name: string, resident: string): string {
    const lines = range(this.vectors).map((i) => {
      const columns = range(4).map((e) => `let e${e} = ${this.column(name, 4 * i + e)};`).join(' ');
      const [a, b, c, d] = range(4).map((e) => `e${e} * ${resident}#[${4 * i + e}]`);
      return `{ ${columns} ${this.each(`${target}# += (${a} + ${b}) + (${c} + ${d});`)} }`;
    });
    return `${this.each(`var ${target}# = TYPE();`)}\n${lines.join('\n')}`;
  }

  /** `sums` (times `shrink`) + `weight` × the streamed row `name`, for each column. */
  accumulate(sums: string, weight: string, name: string, shrink = ''): string {
    const lines = range(this.size).map(
      (k) => `{ let e = ${this.column(name, k)}; ${this.each(`${sums}#[${k}] = ${sums}#[${k}]${shrink} + e * ${weight};`)} }`,
    );
    return lines.join('\n');
  }

  /** The loop over the streamed side; `streamed` is the token's row. */
  stream(body: string): string {
    return `for (var t = 0u; t < p.length; t++) {\nlet streamed = first + t;\n${body}\n}`;
  }

  store(stores: { buffer: string; sums: string; address: Address; factor?: (c: number) => string }[]): string {
    const lines = stores.flatMap(({ buffer, sums, address, factor }) =>
      this.owned.map((c) => {
        const elements = range(4).map((e) => this.pick(`${sums}#[4u * i + ${e}u]`, c));
        return `${buffer}[${address(`row_${c}`, 'i')}] = vec4f(${elements.join(', ')})${factor ? ` * ${factor(c)}` : ''};`;
      }),
    );
    return `for (var i = 0u; i < p.vectors; i++) {\n${lines.join('\n')}\n}`;
  }

  /** Lanes past the sequence's end do the last token's work over again: the same values go to the same place. */
  dispatch(kind: PassKind, pass: AttentionPass, tensors: ForwardTensors | BackwardTensors, main: () => string): Dispatch {
    const { rows } = this;
    const owned = this.owned.map(
      (c) => `let row_${c} = first + min((band * ${rows}u + ${c}u) * ${this.lanes}u + lane, p.length - 1u);`,
    );
    const key = `attention/lanes${this.lanes}/${kind}/${this.size}/${rows}`;
    const text = writtenOnce(key, () => ({
      main: `${LOCATE}\nlet head_at = head * ${this.vectors}u;\n${owned.join('\n')}\n${main()}`,
    }));
    return passDispatch(kind, pass, tensors, this.lanes * rows, {
      key,
      workgroup: [this.lanes, 1, 1],
      enables: ['subgroups'],
      ...text,
    });
  }
}

/** The form for a device, optionally with another rule for the tokens per lane (for measuring). */
export const lanesAttention = (gpu: Gpu, rowsFor = lanesRows): AttentionForm => {
  const lanes = gpu.info.subgroupSize;
  const writer = (kind: PassKind, { size, length }: AttentionPass): Writer =>
    new Writer(size, lanes, rowsFor(kind, length, size, lanes));
  return {
    forward: (pass, tensors) => {
      const w = writer('forward', pass);
      const main = (): string => `
${w.arrays('q', 'o')}
${w.fill([{ name: 'q', value: (row) => `qkv[${QUERY(row, 'i')}] ${SCALED}` }])}
${w.each(`var m# = TYPE(${LOWEST}); var total# = TYPE();`)}
${w.stream(`
${w.load('k', 'qkv', KEY)}
${w.contract('s', 'k', 'q')}
${w.each('let m_new# = max(m#, s#); let shrink# = exp2(m# - m_new#); let weight# = exp2(s# - m_new#);')}
${w.each('m# = m_new#; total# = total# * shrink# + weight#;')}
${w.load('v', 'qkv', VALUE)}
${w.accumulate('o', 'weight#', 'v', ' * shrink#')}`)}
${w.each(`let share# = 1.0 / total#; let logsum# = (m# + log2(total#)) * ${LN2};`)}
${w.store([{ buffer: 'output', sums: 'o', address: OUT, factor: (c) => w.pick('share#', c) }])}
${w.owned.map((c) => `lse[row_${c} * p.heads + head] = ${w.pick('logsum#', c)};`).join('\n')}`;
      return w.dispatch('forward', pass, tensors, main);
    },

    queryGradient: (pass, tensors) => {
      const w = writer('query-gradient', pass);
      const main = (): string => `
${w.arrays('q', 'g', 'dq')}
${w.owned.map((c) => `var delta_${c} = 0.0;`).join('\n')}
${w.fill(
  [
    { name: 'q', value: (row) => `qkv[${QUERY(row, 'i')}] ${SCALED}` },
    { name: 'g', value: (row) => `output_gradient[${OUT(row, 'i')}]` },
  ],
  w.owned.map((c) => `delta_${c} += dot(g_${c}, output[${OUT(`row_${c}`, 'i')}]);`).join('\n'),
)}
${w.owned.map((c) => `delta[row_${c} * p.heads + head] = delta_${c};`).join('\n')}
${w.gather('let own_delta#', (c) => `delta_${c}`)}
${w.gather('let own_lse#', (c) => `lse[row_${c} * p.heads + head] * ${LOG2E}`)}
${w.stream(`
${w.load('k', 'qkv', KEY)}
${w.contract('s', 'k', 'q')}
${w.load('v', 'qkv', VALUE)}
${w.contract('dp', 'v', 'g')}
${w.each('let ds# = exp2(s# - own_lse#) * (dp# - own_delta#);')}
${w.accumulate('dq', 'ds#', 'k')}`)}
${w.store([{ buffer: 'qkv_gradient', sums: 'dq', address: QUERY, factor: () => 'p.scale' }])}`;
      return w.dispatch('query-gradient', pass, tensors, main);
    },

    keyGradient: (pass, tensors) => {
      const w = writer('key-gradient', pass);
      const main = (): string => `
${w.arrays('k', 'v', 'dk', 'dv')}
${w.fill([
  { name: 'k', value: (row) => `qkv[${KEY(row, 'i')}] ${SCALED}` },
  { name: 'v', value: (row) => `qkv[${VALUE(row, 'i')}]` },
])}
${w.stream(`
let query_lse = lse[streamed * p.heads + head] * ${LOG2E};
let query_delta = delta[streamed * p.heads + head];
${w.load('q', 'qkv', QUERY)}
${w.contract('s', 'q', 'k')}
${w.load('g', 'output_gradient', OUT)}
${w.contract('dp', 'g', 'v')}
${w.each('let weight# = exp2(s# - query_lse); let ds# = weight# * (dp# - query_delta);')}
${w.accumulate('dv', 'weight#', 'g')}
${w.accumulate('dk', 'ds#', 'q')}`)}
${w.store([
  { buffer: 'qkv_gradient', sums: 'dk', address: KEY, factor: () => 'p.scale' },
  { buffer: 'qkv_gradient', sums: 'dv', address: VALUE },
])}`;
      return w.dispatch('key-gradient', pass, tensors, main);
    },
  };
};
