/**
 * The weights of attention themselves, for looking at: softmax(q kᵀ · scale), one matrix per sequence and head. Training never
 * makes it. A thread computes one row, in three walks along it.
 */
import { spread, SPREAD_INDEX, type Graph, type Kernel, type OpDefinition, type Tensor } from '../graph';

export interface AttentionMatrixOptions {
  heads: number;
  /** All rows of qkv are `sequences` sequences of `length` tokens. */
  sequences: number;
  length: number;
  /** Default: 1 / √(columns per head). */
  scale?: number;
}

/**
 * Attention weights.
 * @param qkv [sequences · length, 3 D], laid out as for `attention`
 * @returns [sequences, heads, length, length]: from each query token (rows, which sum to 1) to each key token
 */
export function attentionMatrix(graph: Graph, qkv: Tensor, { scale, ...options }: AttentionMatrixOptions): Tensor {
  const { heads, sequences, length } = options;
  const size = qkv.columns / (3 * heads);
  if (size % 4 !== 0) throw new Error(`attentionMatrix: ${qkv.columns} columns are not 3 × ${heads} heads of a multiple of 4`);
  if (qkv.rows !== sequences * length) {
    throw new Error(`attentionMatrix: ${qkv.rows} rows are not ${sequences} sequences of ${length}`);
  }
  return graph.one(attentionMatrixOp, [qkv], { ...options, scale: scale ?? size ** -0.5 });
}

const kernel: Kernel = {
  key: 'attention-matrix',
  bindings: ['qkv: vec4f', 'matrix: f32'],
  params: ['rows', 'heads', 'length', 'vectors', 'scale: f32'],
  workgroup: [64, 1, 1],
  main: `
  let index = ${SPREAD_INDEX} * 64u + lane;
  if (index >= p.rows) { return; }
  let head = index / p.length % p.heads;
  let first = index / (p.length * p.heads) * p.length;
  let width = p.heads * p.vectors;
  let query = (first + index % p.length) * 3u * width + head * p.vectors;
  let at = index * p.length;
  var highest = -1e30;
  for (var j = 0u; j < p.length; j++) {
    let key = (first + j) * 3u * width + width + head * p.vectors;
    var s = 0.0;
    for (var i = 0u; i < p.vectors; i++) { s += dot(qkv[query + i], qkv[key + i]); }
    s *= p.scale;
    highest = max(highest, s);
    matrix[at + j] = s;
  }
  var total = 0.0;
  for (var j = 0u; j < p.length; j++) {
    let weight = exp(matrix[at + j] - highest);
    total += weight;
    matrix[at + j] = weight;
  }
  for (var j = 0u; j < p.length; j++) { matrix[at + j] /= total; }`,
};

export const attentionMatrixOp: OpDefinition<Required<AttentionMatrixOptions>> = {
  name: 'attention-matrix',
  outputs: (_, { heads, sequences, length }) => [{ shape: [sequences, heads, length, length] }],
  lower: ({ inputs, outputs, attributes: { heads, sequences, length, scale } }) => {
    const qkv = inputs[0]!;
    const vectors = qkv.columns / (12 * heads);
    const rows = sequences * heads * length;
    return [
      {
        kernel,
        tensors: [qkv, outputs[0]!],
        params: { rows, heads, length, vectors, scale },
        workgroups: spread(Math.ceil(rows / 64)),
        flops: 8 * rows * length * vectors,
      },
    ];
  },
};
