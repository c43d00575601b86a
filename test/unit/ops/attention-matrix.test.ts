import { expect, test } from 'vitest';
import { Graph } from '../../../src/engine/graph';
import { attentionMatrix, attentionMatrixOp } from '../../../src/engine/ops/attention-matrix';
import { checkOp } from '../../support/gradient-check';

for (const [heads, d, sequences, length] of [[2, 16, 2, 5], [3, 20, 1, 37], [1, 4, 3, 1]] as const) {
  test(`attention weights of ${sequences} × ${length} tokens, ${heads} heads of ${d}`, async () => {
    await checkOp({
      op: attentionMatrixOp,
      attributes: { heads, sequences, length, scale: d ** -0.5 },
      inputs: [{ name: 'qkv', shape: [sequences * length, 3 * heads * d] }],
      reference: ([qkv]) => {
        const width = 3 * heads * d;
        const matrix: number[] = [];
        for (let s = 0; s < sequences; s++) {
          for (let h = 0; h < heads; h++) {
            for (let i = 0; i < length; i++) {
              const weights = Array.from({ length }, (_, j) => {
                let dot = 0;
                for (let k = h * d; k < (h + 1) * d; k++) {
                  dot += qkv![(s * length + i) * width + k]! * qkv![(s * length + j) * width + heads * d + k]!;
                }
                return Math.exp(dot * d ** -0.5);
              });
              const total = weights.reduce((a, b) => a + b, 0);
              matrix.push(...weights.map((w) => w / total));
            }
          }
        }
        return [Float64Array.from(matrix)];
      },
      absolute: 1e-6,
    });
  });
}

test('rows must be the sequences', () => {
  const graph = new Graph();
  const qkv = graph.input('qkv', [30, 96]);
  expect(() => attentionMatrix(graph, qkv, { heads: 2, sequences: 2, length: 14 })).toThrow(/30 rows/);
});
