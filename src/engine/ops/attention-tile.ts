/**
 * Attention for GPUs, in workgroup memory, without subgroups (Dao et al. 2022, FlashAttention). 8 × 8 threads own a block of
 * tokens (queries; keys in the key pass), which stays in workgroup memory; the tokens of the other side come through one
 * shared tile. A thread computes its rows × columns of the block of logits in registers, leaves the weights in workgroup
 * memory, and adds weights × tile into its rows × columns of the result, in registers again.
 *
 * Thread (x, y) has rows y + 8 i and columns x + 8 j: neighbours read neighbouring rows, whose odd stride (in vec4) keeps them
 * in different banks.
 */
import { writtenOnce, type Dispatch, type KernelText } from '../graph';
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

/** What every WebGPU device has. */
const WORKGROUP_BYTES = 16384;

/** Eights of owned rows and of streamed rows. */
type Blocking = readonly [owned: number, streamed: number];
const BLOCKINGS: readonly Blocking[] = [[4, 2], [2, 2], [2, 1], [1, 1]];

const rowStride = (size: number): number => (size / 4) | 1;

function bytesOf(kind: PassKind, size: number, [a, b]: Blocking): number {
  const residents = kind === 'forward' ? 1 : 2;
  const rows = 8 * (residents * a + b) * rowStride(size) * 16;
  return rows + 8 * a * (8 * b + 1) * 4 + 64 * a * 4;
}

const blockingFor = (kind: PassKind, size: number): Blocking | undefined =>
  BLOCKINGS.find((blocking) => bytesOf(kind, size, blocking) <= WORKGROUP_BYTES);

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Writes the parts of a kernel. In texts, `~` is the number of an owned row and `#` that of a column of logits or results. */
class Writer {
  readonly rows: number;
  readonly streamed: number;
  readonly columns: number[];
  private readonly vectors: number;
  private readonly stride: number;

  constructor(
    private readonly kind: PassKind,
    private readonly size: number,
    private readonly blocking: Blocking,
  ) {
    this.vectors = size / 4;
    this.stride = rowStride(size);
    this.rows = 8 * blocking[0];
    this.streamed = 8 * blocking[1];
    this.columns = range(Math.ceil(this.vectors / 8));
  }

  private expand(text: string, columns: readonly number[]): string {
    return range(this.blocking[0])
      .flatMap((i) => columns.map((j) => text.replaceAll('~', `${i}`).replaceAll('#', `${j}`)))
      .join('\n');
  }

  eachRow(text: string): string {
    return this.expand(text, [0]);
  }

  /** Once per logit of this thread. */
  eachLogit(text: string): string {
    return this.expand(text, range(this.blocking[1]));
  }

  /** Once per vec4 of results of this thread. */
  eachResult(text: string): string {
    return this.expand(text, this.columns);
  }

  /** Copies rows of a buffer to workgroup memory; past the sequence's end the last token is repeated. */
  load(target: string, rows: number, token: string, buffer: string, address: (row: string) => string, factor = ''): string {
    return `for (var n = lane; n < ${rows}u * p.vectors; n += 64u) {
  let r = n / p.vectors;
  let i = n % p.vectors;
  ${target}[r * ${this.stride}u + i] = ${buffer}[${address(`(first + min(${token} + r, p.length - 1u))`)}]${factor};
}`;
  }

  loadOwned(target: string, buffer: string, address: (row: string) => string, factor = ''): string {
    return this.load(target, this.rows, `band * ${this.rows}u`, buffer, address, factor);
  }

  loadTile(buffer: string, address: (row: string) => string): string {
    return this.load('tile', this.streamed, 't', buffer, address);
  }

  /** `target~_#` = owned rows of `resident` times rows of the tile. */
  contract(target: string, resident: string): string {
    const b = range(this.blocking[1]);
    return `${this.eachLogit(`var ${target}~_# = 0.0;`)}
for (var i = 0u; i < p.vectors; i++) {
  ${this.eachRow(`let a~ = ${resident}[(y + ~ * 8u) * ${this.stride}u + i];`)}
  ${b.map((j) => `let b${j} = tile[(x + ${j}u * 8u) * ${this.stride}u + i];`).join('\n')}
  ${this.eachLogit(`${target}~_# += dot(a~, b#);`)}
}`;
  }

  keep(value: string): string {
    return this.eachLogit(`weights[(y + ~ * 8u) * ${this.streamed + 1}u + x + # * 8u] = ${value};`);
  }

  /** `sums~_#` += weights × the tile. */
  accumulate(sums: string): string {
    return `for (var c = 0u; c < min(${this.streamed}u, p.length - t); c++) {
  ${this.eachRow(`let w~ = weights[(y + ~ * 8u) * ${this.streamed + 1}u + c];`)}
  ${this.columns.map((m) => `let v${m} = tile[c * ${this.stride}u + column${m}];`).join('\n')}
  ${this.eachResult(`${sums}~_# += w~ * v#;`)}
}`;
  }

  /** `target~` = `combine` over the eight threads of a row of their `value~`. */
  reduce(target: string, value: string, combine: (a: string, b: string) => string): string {
    const at = (n: number): string => `shared_row[(y + ~ * 8u) * 8u + ${n}u]`;
    const pairs = [0, 2, 4, 6].map((n) => combine(at(n), at(n + 1)));
    const all = combine(combine(pairs[0]!, pairs[1]!), combine(pairs[2]!, pairs[3]!));
    return `${this.eachRow(`shared_row[(y + ~ * 8u) * 8u + x] = ${value};`)}
workgroupBarrier();
${this.eachRow(`let ${target}~ = ${all};`)}`;
  }

  stream(body: string): string {
    return `for (var t = 0u; t < p.length; t += ${this.streamed}u) {\n${body}\n}`;
  }

  /** Stores results where row and column exist. */
  store(buffer: string, address: string, value: string): string {
    return this.eachResult(
      `if (owned~ < p.length && x + #u * 8u < ${this.vectors}u) { ${buffer}[${address} + column#] = ${value}; }`,
    );
  }

  dispatch(pass: AttentionPass, tensors: ForwardTensors | BackwardTensors, main: () => string): Dispatch {
    const key = `attention/tile/${this.kind}/${this.size}`;
    const text = writtenOnce(key, () => this.text(main()));
    return passDispatch(this.kind, pass, tensors, this.rows, { key, workgroup: [64, 1, 1], ...text });
  }

  private text(main: string): KernelText {
    const vectors = (rows: number): number => rows * this.stride;
    const arrays = [
      `resident: array<vec4f, ${vectors(this.rows)}>`,
      ...(this.kind === 'forward' ? [] : [`second: array<vec4f, ${vectors(this.rows)}>`]),
      `tile: array<vec4f, ${vectors(this.streamed)}>`,
      `weights: array<f32, ${this.rows * (this.streamed + 1)}>`,
      `shared_row: array<f32, ${this.rows * 8}>`,
    ];
    return {
      declarations: arrays.map((text) => `var<workgroup> ${text};`).join('\n'),
      main: `${LOCATE}
let head_at = head * p.vectors;
let x = lane % 8u;
let y = lane / 8u;
${this.eachRow(`let owned~ = band * ${this.rows}u + y + ~ * 8u; let row~ = first + min(owned~, p.length - 1u);`)}
${this.columns.map((m) => `let column${m} = min(x + ${m}u * 8u, ${this.vectors - 1}u);`).join('\n')}
${main}`,
    };
  }
}

const BARRIER = 'workgroupBarrier();';
const SCALED = ` * (p.scale * ${LOG2E})`;
const query = (row: string, column = 'i'): string => `${row} * stride + head_at + ${column}`;
const key = (row: string, column = 'i'): string => `${row} * stride + width + head_at + ${column}`;
const value = (row: string, column = 'i'): string => `${row} * stride + 2u * width + head_at + ${column}`;
const out = (row: string, column = 'i'): string => `${row} * width + head_at + ${column}`;
const sum = (a: string, b: string): string => `(${a} + ${b})`;
const larger = (a: string, b: string): string => `max(${a}, ${b})`;
const REAL = 't + x + #u * 8u < p.length';

function writer(kind: PassKind, size: number): Writer {
  const blocking = blockingFor(kind, size);
  if (!blocking) throw new Error(`attention: heads of ${size} columns do not fit the tile form`);
  return new Writer(kind, size, blocking);
}

export const tileAttention: AttentionForm & { fits(size: number): boolean } = {
  fits: (size) => blockingFor('query-gradient', size) !== undefined,

  forward: (pass, tensors) => {
    const w = writer('forward', pass.size);
    const js = range(w.streamed / 8);
    const own = (combine: (a: string, b: string) => string, name: string): string =>
      js.map((j) => `${name}~_${j}`).reduce((a, b) => combine(a, b));
    const main = (): string => `
${w.loadOwned('resident', 'qkv', query, SCALED)}
${w.eachRow(`var m~ = ${LOWEST}; var total~ = 0.0;`)}
${w.eachResult('var o~_# = vec4f();')}
${w.stream(`
${w.loadTile('qkv', key)}
${BARRIER}
${w.contract('s', 'resident')}
${w.eachLogit(`s~_# = select(${LOWEST}, s~_#, ${REAL});`)}
${w.reduce('highest', own(larger, 's'), larger)}
${w.eachRow('let m_new~ = max(m~, highest~); let shrink~ = exp2(m~ - m_new~); m~ = m_new~;')}
${w.eachLogit('let p~_# = exp2(s~_# - m_new~);')}
${w.keep('p~_#')}
${w.eachRow(`total~ = total~ * shrink~ + ${own(sum, 'p')};`)}
${w.loadTile('qkv', value)}
${w.eachResult('o~_# *= shrink~;')}
${BARRIER}
${w.accumulate('o')}
${BARRIER}`)}
${w.reduce('all', 'total~', sum)}
${w.store('output', out('row~', '0u'), 'o~_# / all~')}
${w.eachRow(`if (x == 0u && owned~ < p.length) { lse[row~ * p.heads + head] = (m~ + log2(all~)) * ${LN2}; }`)}`;
    return w.dispatch(pass, tensors, main);
  },

  queryGradient: (pass, tensors) => {
    const w = writer('query-gradient', pass.size);
    const main = (): string => `
${w.loadOwned('resident', 'qkv', query, SCALED)}
${w.loadOwned('second', 'output_gradient', out)}
${w.eachRow('var part~ = 0.0;')}
${w.eachResult(`if (x + #u * 8u < p.vectors) {
  part~ += dot(output[${out('row~', 'column#')}], output_gradient[${out('row~', 'column#')}]);
}`)}
${w.reduce('own_delta', 'part~', sum)}
${w.eachRow('if (x == 0u && owned~ < p.length) { delta[row~ * p.heads + head] = own_delta~; }')}
${w.eachRow(`let own_lse~ = lse[row~ * p.heads + head] * ${LOG2E};`)}
${w.eachResult('var dq~_# = vec4f();')}
${w.stream(`
${w.loadTile('qkv', value)}
${BARRIER}
${w.contract('dp', 'second')}
${BARRIER}
${w.loadTile('qkv', key)}
${BARRIER}
${w.contract('s', 'resident')}
${w.keep(`select(0.0, exp2(s~_# - own_lse~) * (dp~_# - own_delta~), ${REAL})`)}
${BARRIER}
${w.accumulate('dq')}
${BARRIER}`)}
${w.store('qkv_gradient', query('row~', '0u'), 'dq~_# * p.scale')}`;
    return w.dispatch(pass, tensors, main);
  },

  keyGradient: (pass, tensors) => {
    const w = writer('key-gradient', pass.size);
    const statistics = range(w.streamed / 8).map(
      (j) => `let at${j} = (first + min(t + x + ${j}u * 8u, p.length - 1u)) * p.heads + head;
let query_lse${j} = lse[at${j}] * ${LOG2E};
let query_delta${j} = delta[at${j}];`,
    );
    const main = (): string => `
${w.loadOwned('resident', 'qkv', key, SCALED)}
${w.loadOwned('second', 'qkv', value)}
${w.eachResult('var dk~_# = vec4f(); var dv~_# = vec4f();')}
${w.stream(`
${statistics.join('\n')}
${w.loadTile('qkv', query)}
${BARRIER}
${w.contract('s', 'resident')}
${w.eachLogit(`let p~_# = select(0.0, exp2(s~_# - query_lse#), ${REAL});`)}
${w.keep('p~_#')}
${BARRIER}
${w.loadTile('output_gradient', out)}
${BARRIER}
${w.contract('dp', 'second')}
${w.accumulate('dv')}
${BARRIER}
${w.keep('p~_# * (dp~_# - query_delta#)')}
${w.loadTile('qkv', query)}
${BARRIER}
${w.accumulate('dk')}
${BARRIER}`)}
${w.store('qkv_gradient', key('row~', '0u'), 'dk~_# * p.scale')}
${w.store('qkv_gradient', value('row~', '0u'), 'dv~_#')}`;
    return w.dispatch(pass, tensors, main);
  },
};
