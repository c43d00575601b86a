import { expect, test } from 'vitest';
import { compileGraph, download, Graph, upload } from '../../../src/engine/graph';
import { centreSum, centreUpdate } from '../../../src/engine/ops/centre';
import { columnMean } from '../../../src/engine/ops/column-mean';
import { encodeLossScalars } from '../../../src/engine/ops/distillation-loss';
import { normals } from '../../support/gradient-check';
import { testGpu } from '../../support/gpu';

const scalars = encodeLossScalars({
  studentTemp: 0.1,
  teacherTemp: 0.04,
  teacherPatchTemp: 0.04,
  lambda1: 1,
  lambda2: 1,
  gradientScale: 0.5,
  centreMomentum: 0.9,
  centreMomentum2: 0.7,
});

for (const [which, momentum, bottleneck, outDim] of [['cls', 0.9, 8, 37], ['patch', 0.7, 7, 129]] as const) {
  test(`${which} centre, ${outDim} outputs of ${bottleneck}: two micro-batches, the update; nothing after a halt`, async () => {
    const gpu = await testGpu();
    const batches = [normals(5 * bottleneck, 1), normals(5 * bottleneck, 2)];
    const weights = normals(outDim * bottleneck, 3);
    const initial = normals(outDim, 4);
    const adding = new Graph();
    const rows = adding.input('rows', [5, bottleneck]);
    const weight = adding.input('weight', [outDim, bottleneck]);
    const sum = adding.input('sum', [outDim]);
    const values = adding.input('scalars', [scalars.length]);
    centreSum(adding, { mean: columnMean(adding, rows), weight, sum, scalars: values });
    const updating = new Graph();
    const centre = updating.input('centre', [outDim]);
    const state = updating.input('state', [4], 'u32');
    centreUpdate(updating, { centre, sum, scalars: values, state, which });
    const [add, update] = [await compileGraph(gpu, adding), await compileGraph(gpu, updating)];
    upload(gpu, weight, weights);
    upload(gpu, values, scalars);
    upload(gpu, centre, initial);
    const step = (): void => {
      for (const batch of batches) {
        upload(gpu, rows, batch);
        add.run();
      }
      update.run();
    };
    step();
    const after = await download(gpu, centre);
    for (let k = 0; k < outDim; k++) {
      let mean = 0;
      for (const batch of batches) {
        batch.forEach((x, i) => (mean += (x * weights[k * bottleneck + (i % bottleneck)]!) / 10));
      }
      expect(after[k]).toBeCloseTo(initial[k]! * momentum + mean * (1 - momentum), 5);
    }
    expect((await download(gpu, sum)).every((x) => x === 0)).toBe(true);
    upload(gpu, state, new Uint32Array([1, 0, 0, 0]));
    step();
    expect(await download(gpu, centre)).toEqual(after);
    expect((await download(gpu, sum)).every((x) => x === 0)).toBe(true);
  });
}
