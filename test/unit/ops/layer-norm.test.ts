import { describe, expect, it } from 'vitest';
import { addGradients, compileGraph, download, Graph, upload } from '../../../src/engine/graph';
import { layerNorm, layerNormOp } from '../../../src/engine/ops/layer-norm';
import { checkOp, normals } from '../../support/gradient-check';
import { testGpu } from '../../support/gpu';

const EPS = 1e-6;

function reference(rows: number, columns: number) {
  return ([x, weight, bias]: (Float64Array | Uint32Array)[]): Float64Array[] => {
    const y = new Float64Array(rows * columns);
    const means = new Float64Array(rows);
    const inverses = new Float64Array(rows);
    for (let r = 0; r < rows; r++) {
      const row = Array.from(x!.subarray(r * columns, (r + 1) * columns));
      const mean = row.reduce((s, v) => s + v, 0) / columns;
      const variance = row.reduce((s, v) => s + (v - mean) ** 2, 0) / columns;
      means[r] = mean;
      inverses[r] = 1 / Math.sqrt(variance + EPS);
      for (let c = 0; c < columns; c++) y[r * columns + c] = (row[c]! - mean) * inverses[r]! * weight![c]! + bias![c]!;
    }
    return [y, means, inverses];
  };
}

const forced = (variant: string, rows: number, columns: number): Map<string, string> => {
  const shape = `${2 ** Math.ceil(Math.log2(rows))},${columns}`;
  return new Map([[`layer-norm/${shape}`, variant], [`layer-norm-gradient/${shape}`, variant]]);
};

for (const variant of ['row-per-thread', 'row-per-workgroup']) {
  describe(`layer norm, ${variant}`, () => {
    for (const [rows, columns] of [[1, 7], [7, 33], [33, 20], [197, 36], [3, 384], [70, 197]] as const) {
      it(`${rows} rows of ${columns}: value and gradients`, async () => {
        for (const role of ['gradient', 'parameter'] as const) {
          await checkOp({
            op: layerNormOp,
            attributes: { eps: EPS },
            inputs: [
              { name: 'x', shape: [rows, columns] },
              { name: 'weight', shape: [columns], role },
              { name: 'bias', shape: [columns], role },
            ],
            reference: reference(rows, columns),
            absolute: 2e-6,
            relative: 2e-6,
            gradientTolerance: 2e-5,
            table: forced(variant, rows, columns),
          });
        }
      });
    }

    it('a mean far above the deviation costs no accuracy beyond that of the values', async () => {
      const values = normals(5 * 36, 3).map((v) => v + 1000);
      await checkOp({
        op: layerNormOp,
        attributes: { eps: EPS },
        inputs: [
          { name: 'x', shape: [5, 36], values, role: 'constant' },
          { name: 'weight', shape: [36], role: 'constant' },
          { name: 'bias', shape: [36], role: 'constant' },
        ],
        reference: reference(5, 36),
        compared: [0],
        absolute: 5e-4,
      });
    });

    it('adds the gradient that x has received from elsewhere, be it dy itself', async () => {
      const gpu = await testGpu();
      const [rows, columns] = [33, 20];
      const run = async (seeds: 'norm' | 'both' | 'same'): Promise<Float32Array> => {
        const graph = new Graph();
        const x = graph.input('x', [rows, columns]);
        x.requiresGradient = true;
        const [weight, bias] = [graph.input('weight', [columns]), graph.input('bias', [columns])];
        const dy = graph.input('dy', x.shape);
        const other = graph.input('other', x.shape);
        upload(gpu, x, normals(x.size, 1));
        upload(gpu, weight, normals(columns, 2));
        upload(gpu, bias, normals(columns, 3));
        upload(gpu, dy, normals(x.size, 4));
        upload(gpu, other, normals(x.size, 5));
        const y = layerNorm(graph, x, weight, bias, { eps: EPS });
        const gradients = addGradients(graph, seeds === 'norm' ? [[y, dy]] : [[y, dy], [x, seeds === 'same' ? dy : other]]);
        const dx = graph.keep(gradients.get(x)!);
        const plan = await compileGraph(gpu, graph, forced(variant, rows, columns));
        expect(graph.nodes.some((node) => node.op.name === 'add')).toBe(false);
        plan.run();
        const got = await download(gpu, dx);
        plan.destroy();
        return got;
      };
      const alone = await run('norm');
      const [dy, other] = [normals(rows * columns, 4), normals(rows * columns, 5)];
      (await run('both')).forEach((v, i) => expect(v).toBeCloseTo(alone[i]! + other[i]!, 5));
      (await run('same')).forEach((v, i) => expect(v).toBeCloseTo(alone[i]! + dy[i]!, 5));
    });
  });
}
