/** Attention as a matrix, for looking at it only: training never forms it. */
import { spread, SPREAD_INDEX, type Graph, type Kernel, type OpDefinition, type Tensor } from '../graph';

interface Attributes {
  heads: number;
  sequences: number;
  length: number;
}

/** One thread per row of the matrix: scores, their maximum, then exponentials and their sum. */
const kernel: Kernel = {
  key: 'attention-matrix',
  bindings: ['qkv: f32', 'y: f32'],
  params: ['rows', 'heads', 'length', 'size', 'scale: f32'],
  workgroup: [64, 1, 1],
  main: `
  let index = ${SPREAD_INDEX} * 64u + lane;
  if (index >= p.rows) { return; }
  let query = index % p.length;
  let head = (index / p.length) % p.heads;
  let first = index / (p.length * p.heads) * p.length;
  let width = 3u * p.heads * p.size;
  let q = (first + query) * width + head * p.size;
  let out = index * p.length;
  var largest = -3.4e38;
  for (var j = 0u; j < p.length; j++) {
    let k = (first + j) * width + (p.heads + head) * p.size;
    var score = 0.0;
    for (var c = 0u; c < p.size; c++) { score += qkv[q + c] * qkv[k + c]; }
    score *= p.scale;
    y[out + j] = score;
    largest = max(largest, score);
  }
  var sum = 0.0;
  for (var j = 0u; j < p.length; j++) {
    let e = exp(y[out + j] - largest);
    y[out + j] = e;
    sum += e;
  }
  for (var j = 0u; j < p.length; j++) { y[out + j] /= sum; }`,
};

const attentionMatrixOp: OpDefinition<Attributes> = {
  name: 'attention-matrix',
  outputs: (_, { heads, sequences, length }) => [{ shape: [sequences, heads, length, length] }],
  lower: ({ inputs, outputs, attributes: { heads, sequences, length } }) => {
    const rows = sequences * heads * length;
    const size = inputs[0]!.columns / 3 / heads;
    return [
      {
        kernel,
        tensors: [inputs[0]!, outputs[0]!],
        params: { rows, heads, length, size, scale: size ** -0.5 },
        workgroups: spread(Math.ceil(rows / 64)),
      },
    ];
  },
};

/** qkv [sequences · length, 3·D] → softmax(q·kᵀ / √d), [sequences, heads, length, length]. */
export function attentionMatrix(graph: Graph, qkv: Tensor, attributes: Attributes): Tensor {
  return graph.one(attentionMatrixOp, [qkv], attributes);
}
