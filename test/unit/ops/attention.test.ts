import { expect, test } from 'vitest';
import { addGradients, compileGraph, download, Graph, upload } from '../../../src/engine/graph';
import { attention, attentionOp, type AttentionGroup } from '../../../src/engine/ops/attention';
import { checkOp, normals } from '../../support/gradient-check';
import { testGpu } from '../../support/gpu';

/** softmax(q kᵀ · scale) v and the log-sum-exp, straight from the formula. */
function reference(
  qkv: Float64Array,
  heads: number,
  d: number,
  groups: readonly AttentionGroup[],
  scale: number,
): Float64Array[] {
  const columns = heads * d;
  const rows = qkv.length / (3 * columns);
  const output = new Float64Array(rows * columns);
  const lse = new Float64Array(rows * heads);
  for (const { row, sequences, length } of groups) {
    for (let first = row; first < row + sequences * length; first += length) {
      for (let h = 0; h < heads; h++) {
        for (let i = first; i < first + length; i++) {
          const logits = Array.from({ length }, (_, j) => {
            let s = 0;
            for (let k = 0; k < d; k++) {
              s += qkv[i * 3 * columns + h * d + k]! * qkv[(first + j) * 3 * columns + columns + h * d + k]!;
            }
            return s * scale;
          });
          const most = Math.max(...logits);
          const total = logits.reduce((sum, s) => sum + Math.exp(s - most), 0);
          lse[i * heads + h] = most + Math.log(total);
          logits.forEach((s, j) => {
            const weight = Math.exp(s - most) / total;
            for (let k = 0; k < d; k++) {
              output[i * columns + h * d + k]! += weight * qkv[(first + j) * 3 * columns + 2 * columns + h * d + k]!;
            }
          });
        }
      }
    }
  }
  return [output, lse];
}

/** Groups of [sequences, length], one after another. */
function groupsOf(...sizes: [number, number][]): AttentionGroup[] {
  let row = 0;
  return sizes.map(([sequences, length]) => {
    const group = { row, sequences, length };
    row += sequences * length;
    return group;
  });
}
const rowsOf = (groups: readonly AttentionGroup[]): number => groups.reduce((n, g) => n + g.sequences * g.length, 0);

const KINDS = ['forward', 'query-gradient', 'key-gradient'];
/** A table that asks for one form everywhere. */
const forcing = (form: string, groups: readonly AttentionGroup[], d: number): Map<string, string> =>
  new Map(groups.flatMap(({ length }) => KINDS.map((kind) => [`attention-${kind}/${length},${d}`, form] as const)));

const CASES: { heads: number; d: number; sizes: [number, number][] }[] = [
  { heads: 1, d: 4, sizes: [[1, 1]] },
  { heads: 3, d: 64, sizes: [[1, 37], [1, 5]] },
  { heads: 2, d: 32, sizes: [[2, 33], [3, 7], [2, 1]] },
  { heads: 3, d: 12, sizes: [[2, 7], [1, 33]] },
  { heads: 2, d: 20, sizes: [[2, 37]] },
  { heads: 1, d: 40, sizes: [[3, 5], [1, 41]] },
  { heads: 2, d: 80, sizes: [[1, 19]] },
  { heads: 1, d: 128, sizes: [[1, 18]] },
  { heads: 1, d: 32, sizes: [[1, 145]] },
  { heads: 1, d: 16, sizes: [[1, 197]] },
];

for (const form of ['naive', 'lanes', 'tile']) {
  for (const { heads, d, sizes } of CASES) {
    test(`${form}: ${heads} heads of ${d}, sequences × length ${sizes.map((s) => s.join('×')).join(', ')}`, async () => {
      const groups = groupsOf(...sizes);
      const scale = d ** -0.5;
      await checkOp({
        op: attentionOp,
        attributes: { heads, groups, scale },
        inputs: [{ name: 'qkv', shape: [rowsOf(groups), 3 * heads * d] }],
        reference: ([qkv]) => reference(qkv as Float64Array, heads, d, groups, scale),
        absolute: 1e-5,
        relative: 0,
        gradientTolerance: 1e-4,
        directions: 2,
        table: forcing(form, groups, d),
      });
    });
  }

  test(`${form}: large logits stay finite and right`, async () => {
    const groups = groupsOf([2, 21]);
    const [heads, d] = [2, 32];
    const shape = [rowsOf(groups), 3 * heads * d];
    const values = normals(shape[0]! * shape[1]!, 5, 20);
    // The softmax is nearly an arg max: its logits are around ±400, where f32 leaves about 1e-4 of the weights.
    await checkOp({
      op: attentionOp,
      attributes: { heads, groups, scale: d ** -0.5 },
      inputs: [{ name: 'qkv', shape, values }],
      reference: ([qkv]) => reference(qkv as Float64Array, heads, d, groups, d ** -0.5),
      absolute: 20 * 5e-4,
      table: forcing(form, groups, d),
    });
  });

  test(`${form}: twice the same bits`, async () => {
    const gpu = await testGpu();
    const groups = groupsOf([2, 37]);
    const [heads, d] = [2, 32];
    const graph = new Graph();
    const qkv = graph.input('qkv', [rowsOf(groups), 3 * heads * d]);
    qkv.requiresGradient = true;
    const y = attention(graph, qkv, { heads, groups });
    const dy = graph.input('dy', y.shape);
    const dqkv = addGradients(graph, [[y, dy]]).get(qkv)!;
    graph.keep(dqkv);
    const plan = await compileGraph(gpu, graph, forcing(form, groups, d));
    upload(gpu, qkv, normals(qkv.size, 3));
    upload(gpu, dy, normals(dy.size, 4));
    plan.run();
    const once = await download(gpu, dqkv);
    plan.run();
    expect(await download(gpu, dqkv)).toEqual(once);
    plan.destroy();
  });
}

test('dispatches: one per group forward, two backward, with their arithmetic', async () => {
  const gpu = await testGpu();
  const groups = groupsOf([2, 9], [4, 3]);
  const graph = new Graph();
  const qkv = graph.input('qkv', [rowsOf(groups), 3 * 2 * 16]);
  qkv.requiresGradient = true;
  const y = attention(graph, qkv, { heads: 2, groups });
  const dy = graph.input('dy', y.shape);
  addGradients(graph, [[y, dy]]);
  const plan = await compileGraph(gpu, graph);
  expect(plan.dispatches).toBe(6);
  expect(plan.layout.flops).toBe((4 + 6 + 8) * (2 * 81 + 4 * 9) * 16 * 2);
  plan.destroy();
});

test('groups must cover the rows, heads must divide the columns', () => {
  const graph = new Graph();
  const qkv = graph.input('qkv', [30, 96]);
  expect(() => attention(graph, qkv, { heads: 2, groups: groupsOf([2, 14]) })).toThrow(/cover 28 of 30 rows/);
  expect(() => attention(graph, qkv, { heads: 2, groups: [{ row: 1, sequences: 1, length: 29 }] })).toThrow(/row 1/);
  expect(() => attention(graph, qkv, { heads: 5, groups: groupsOf([2, 15]) })).toThrow(/5 heads/);
});
