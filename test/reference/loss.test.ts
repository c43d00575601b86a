/** Case `loss`: with the identity as last layer, bottleneck rows are the logits, so their gradients are the logits'. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { readSafetensors, toFloat32 } from '../../src/engine/formats';
import type { Gpu } from '../../src/engine/gpu';
import { compileGraph, download, Graph, upload, type Tensor } from '../../src/engine/graph';
import { centreSum, centreUpdate } from '../../src/engine/ops/centre';
import { columnMean } from '../../src/engine/ops/column-mean';
import { distillationLoss, encodeLossScalars, METRIC } from '../../src/engine/ops/distillation-loss';
import { STATE_LENGTH } from '../../src/engine/ops/optimiser';
import { testGpu } from '../support/gpu';

interface Tolerance {
  atol: number;
  rtol: number;
}
interface Variant {
  lambda1: number;
  lambda2: number;
  student_temp: number;
  teacher_temp_of_epoch: number;
  teacher_patch_temp_of_epoch: number;
  global_crops_number: number;
  local_crops_number: number;
  center_momentum: number;
  center_momentum2: number;
}

const folder = new URL('./loss/', import.meta.url);
const json = (name: string): unknown => JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
const { config, tolerance } = json('case.json') as {
  config: { batch: number; grid: number; out_dim: number; variants: Record<string, Variant> };
  tolerance: Record<'loss, cls, patch' | 'center, center2' | 'grad', Tolerance>;
};
const values = json('values.json') as Record<string, Record<'loss' | 'cls' | 'patch', number>>;

let gpu: Gpu;
const inputs = new Map<string, Float32Array>();
const expected = new Map<string, Float32Array>();
beforeAll(async () => {
  gpu = await testGpu();
  for (const [file, into] of [['inputs', inputs], ['expected', expected]] as const) {
    const { tensors } = await readSafetensors(fileURLToPath(new URL(`${file}.safetensors`, folder)));
    for (const [name, tensor] of tensors) into.set(name, toFloat32(tensor));
  }
});

function close(got: ArrayLike<number>, want: ArrayLike<number>, { atol, rtol }: Tolerance, what: string): void {
  expect(got.length, what).toBe(want.length);
  for (let i = 0; i < want.length; i++) {
    const error = Math.abs(got[i]! - want[i]!);
    expect(error <= atol + rtol * Math.abs(want[i]!), `${what}[${i}]: got ${got[i]}, want ${want[i]}`).toBe(true);
  }
}

const concat = (parts: readonly Float32Array[]): Float32Array => {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};

describe.each(Object.entries(config.variants))('loss, %s', (name, variant) => {
  for (const chunkBytes of [undefined, 4 * 96 * 20]) {
    test(chunkBytes ? 'in chunks' : 'at once', async () => {
      const { batch, out_dim: columns } = config;
      const patches = config.grid ** 2;
      const { global_crops_number: globalCrops, local_crops_number: localCrops } = variant;
      const of = (key: string): Float32Array => inputs.get(`${name}.${key}`) ?? new Float32Array();
      const want = (key: string): Float32Array => expected.get(`${name}.${key}`) ?? new Float32Array();
      // Masked patches of the global crops, in the order (crop, sample, position).
      const rows: number[] = [];
      const weights: number[] = [];
      for (let crop = 0; crop < globalCrops; crop++) {
        const mask = of(`mask.${crop}`);
        for (let sample = 0; sample < batch; sample++) {
          const chosen = [...mask.subarray(sample * patches, (sample + 1) * patches)].flatMap((m, i) => (m ? [i] : []));
          for (const position of chosen) {
            rows.push((crop * batch + sample) * patches + position);
            weights.push(1 / chosen.length);
          }
        }
      }
      const capacity = rows.length + 5;
      const pick = (all: Float32Array): Float32Array =>
        concat([...rows.map((row) => all.subarray(row * columns, (row + 1) * columns)), new Float32Array(5 * columns)]);
      const identity = Float32Array.from({ length: columns ** 2 }, (_, i) => (i % (columns + 1) === 0 ? 1 : 0));

      const graph = new Graph();
      const input = (label: string, shape: number[], data: Float32Array | Uint32Array): Tensor => {
        const tensor = graph.input(label, shape, data instanceof Uint32Array ? 'u32' : 'f32');
        upload(gpu, tensor, data);
        return tensor;
      };
      const student = concat([of('student_cls'), of('student_local_cls'), pick(of('student_patch'))]);
      const teacher = concat([of('teacher_cls'), pick(of('teacher_patch'))]);
      const weight = input('weight', [columns, columns], identity);
      const teacherWeight = input('teacher weight', [columns, columns], identity);
      const teacherRows = input('teacher', [teacher.length / columns, columns], teacher);
      const centre = input('centre', [columns], of('center'));
      const centre2 = input('centre2', [columns], of('center2'));
      const scalars = input(
        'scalars',
        [8],
        encodeLossScalars({
          studentTemp: variant.student_temp,
          teacherTemp: variant.teacher_temp_of_epoch,
          teacherPatchTemp: variant.teacher_patch_temp_of_epoch,
          lambda1: variant.lambda1,
          lambda2: variant.lambda2,
          centreMomentum: variant.center_momentum,
          centreMomentum2: variant.center_momentum2,
        }),
      );
      const loss = distillationLoss(graph, {
        student: input('student', [student.length / columns, columns], student),
        weight,
        teacher: teacherRows,
        teacherWeight,
        centre,
        centre2,
        scalars,
        maskedWeights: input('weights', [capacity], Float32Array.from([...weights, 0, 0, 0, 0, 0])),
        maskedCount: input('count', [1], new Uint32Array([rows.length])),
        batch,
        globalCrops,
        localCrops,
        chunkBytes,
      });
      const allPatches = input('patches', [globalCrops * batch * patches, columns], of('teacher_patch'));
      const state = input('state', [STATE_LENGTH], new Uint32Array(STATE_LENGTH));
      for (const [which, c, mean] of [
        ['cls', centre, columnMean(graph, teacherRows, globalCrops * batch)],
        ['patch', centre2, columnMean(graph, allPatches)],
      ] as const) {
        const sum = input(`sum ${which}`, [columns], new Float32Array(columns));
        centreSum(graph, { mean, weight: teacherWeight, sum, scalars });
        centreUpdate(graph, { centre: c, sum, scalars, state, which });
      }
      graph.keep(loss.metrics);
      graph.keep(loss.studentGradient);
      const plan = await compileGraph(gpu, graph);
      plan.run();

      const metrics = await download(gpu, loss.metrics);
      for (const key of ['loss', 'cls', 'patch'] as const) {
        close([metrics[METRIC[key]]!], [values[name]![key]], tolerance['loss, cls, patch'], key);
      }
      close(await download(gpu, centre), want('center'), tolerance['center, center2'], 'center');
      close(await download(gpu, centre2), want('center2'), tolerance['center, center2'], 'center2');
      const gradient = await download(gpu, loss.studentGradient);
      const cls = want('grad.student_cls').length;
      const local = cls + want('grad.student_local_cls').length;
      close(gradient.subarray(0, cls), want('grad.student_cls'), tolerance.grad, 'grad.student_cls');
      close(gradient.subarray(cls, local), want('grad.student_local_cls'), tolerance.grad, 'grad.student_local_cls');
      close(gradient.subarray(local), pick(want('grad.student_patch')), tolerance.grad, 'grad.student_patch');
      plan.destroy();
    });
  }
});
