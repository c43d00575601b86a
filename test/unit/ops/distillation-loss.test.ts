import { beforeAll, describe, expect, test } from 'vitest';
import type { Gpu } from '../../../src/engine/gpu';
import { compileGraph, download, downloadU32, Graph, upload, type Tensor } from '../../../src/engine/graph';
import { distillationLoss, encodeLossScalars, METRIC, type LossScalars } from '../../../src/engine/ops/distillation-loss';
import { normals } from '../../support/gradient-check';
import { testGpu } from '../../support/gpu';

interface Sizes {
  batch: number;
  globalCrops: number;
  localCrops: number;
  capacity: number;
  masked: number;
  bottleneck: number;
  outDim: number;
  /** Undefined: one last layer for both. */
  patchOutDim?: number;
  chunkBytes?: number;
  forms?: 'software' | 'gpu';
}

interface Values {
  z: Float32Array;
  w: Float32Array;
  w2: Float32Array | undefined;
  tz: Float32Array;
  tw: Float32Array;
  tw2: Float32Array | undefined;
  centre: Float32Array;
  centre2: Float32Array;
  weights: Float32Array;
}

const scalars: LossScalars = {
  studentTemp: 0.1,
  teacherTemp: 0.05,
  teacherPatchTemp: 0.07,
  lambda1: 0.9,
  lambda2: 0.6,
  gradientScale: 0.5,
  centreMomentum: 0.9,
  centreMomentum2: 0.8,
};

let gpu: Gpu;
beforeAll(async () => {
  gpu = await testGpu();
});

function valuesFor(s: Sizes): Values {
  const { batch, globalCrops, localCrops, capacity, bottleneck, outDim, patchOutDim } = s;
  const scale = 0.5 / Math.sqrt(bottleneck);
  return {
    z: normals(((globalCrops + localCrops) * batch + capacity) * bottleneck, 1),
    w: normals(outDim * bottleneck, 2, scale),
    w2: patchOutDim ? normals(patchOutDim * bottleneck, 3, scale) : undefined,
    tz: normals((globalCrops * batch + capacity) * bottleneck, 4),
    tw: normals(outDim * bottleneck, 5, scale),
    tw2: patchOutDim ? normals(patchOutDim * bottleneck, 6, scale) : undefined,
    centre: normals(outDim, 7, 0.1),
    centre2: normals(patchOutDim ?? outDim, 8, 0.1),
    weights: Float32Array.from({ length: capacity }, (_, i) => (i < s.masked ? 1 / (1 + (i % 3)) : 0)),
  };
}

async function run(s: Sizes, v: Values) {
  const graph = new Graph();
  const { batch, globalCrops, localCrops, capacity, bottleneck, outDim } = s;
  const patchOutDim = s.patchOutDim ?? outDim;
  const input = (name: string, shape: number[], data: Float32Array | Uint32Array): Tensor => {
    const tensor = graph.input(name, shape, data instanceof Uint32Array ? 'u32' : 'f32');
    upload(gpu, tensor, data);
    return tensor;
  };
  const loss = distillationLoss(graph, {
    student: input('z', [v.z.length / bottleneck, bottleneck], v.z),
    weight: input('w', [outDim, bottleneck], v.w),
    weight2: v.w2 && input('w2', [patchOutDim, bottleneck], v.w2),
    teacher: input('tz', [v.tz.length / bottleneck, bottleneck], v.tz),
    teacherWeight: input('tw', [outDim, bottleneck], v.tw),
    teacherWeight2: v.tw2 && input('tw2', [patchOutDim, bottleneck], v.tw2),
    centre: input('centre', [outDim], v.centre),
    centre2: input('centre2', [patchOutDim], v.centre2),
    scalars: input('scalars', [8], encodeLossScalars(scalars)),
    maskedWeights: capacity > 0 ? input('weights', [capacity], v.weights) : undefined,
    maskedCount: capacity > 0 ? input('count', [1], new Uint32Array([s.masked])) : undefined,
    batch,
    globalCrops,
    localCrops,
    chunkBytes: s.chunkBytes,
    forms: s.forms,
  });
  const kept = [loss.studentGradient, loss.weightGradient, loss.metrics, loss.teacherPredicted, loss.studentPredicted];
  if (loss.weight2Gradient) kept.push(loss.weight2Gradient);
  kept.forEach((tensor) => graph.keep(tensor));
  const plan = await compileGraph(gpu, graph);
  plan.run();
  const result = {
    dispatches: plan.dispatches,
    dz: await download(gpu, loss.studentGradient),
    dw: await download(gpu, loss.weightGradient),
    dw2: loss.weight2Gradient && (await download(gpu, loss.weight2Gradient)),
    metrics: await download(gpu, loss.metrics),
    teacher: await downloadU32(gpu, loss.teacherPredicted),
    student: await downloadU32(gpu, loss.studentPredicted),
  };
  plan.destroy();
  return result;
}

/** The formulas in f64: rows × Wᵀ, softmax, sums over pairs. */
function reference(s: Sizes, v: Record<keyof Values, ArrayLike<number> | undefined>) {
  const { batch, globalCrops, localCrops, masked, bottleneck, outDim } = s;
  const logits = (x: ArrayLike<number>, row: number, w: ArrayLike<number>, size: number): number[] =>
    Array.from({ length: size }, (_, k) => {
      let sum = 0;
      for (let b = 0; b < bottleneck; b++) sum += x[row * bottleneck + b]! * w[k * bottleneck + b]!;
      return sum;
    });
  const logSoftmax = (x: number[]): number[] => {
    const m = Math.max(...x);
    const lse = m + Math.log(x.reduce((sum, a) => sum + Math.exp(a - m), 0));
    return x.map((a) => a - lse);
  };
  const argMax = (x: number[]): number => x.indexOf(Math.max(...x));
  const entropy = (p: number[]): number => -p.reduce((sum, a) => sum + (a > 0 ? a * Math.log(a) : 0), 0);
  const target = (x: number[], c: ArrayLike<number>, temp: number): number[] =>
    logSoftmax(x.map((a, k) => (a - c[k]!) / temp)).map(Math.exp);
  const mean = (rows: number[][]): number[] => rows[0]!.map((_, k) => rows.reduce((sum, r) => sum + r[k]!, 0) / rows.length);
  const average = (x: number[]): number => x.reduce((a, b) => a + b, 0) / x.length;

  const raw = Array.from({ length: globalCrops * batch }, (_, r) => logits(v.tz!, r, v.tw!, outDim));
  const studentRaw = Array.from({ length: (globalCrops + localCrops) * batch }, (_, r) => logits(v.z!, r, v.w!, outDim));
  const targets = raw.map((x) => target(x, v.centre!, scalars.teacherTemp));
  let cls = 0;
  let terms = 0;
  for (let q = 0; q < globalCrops; q++) {
    for (let crop = 0; crop < globalCrops + localCrops; crop++) {
      if (crop === q) continue;
      terms++;
      for (let b = 0; b < batch; b++) {
        const logp = logSoftmax(studentRaw[crop * batch + b]!.map((a) => a / scalars.studentTemp));
        cls -= targets[q * batch + b]!.reduce((sum, p, k) => sum + p * logp[k]!, 0) / batch;
      }
    }
  }
  cls *= scalars.lambda1 / Math.max(1, terms);
  let patch = 0;
  const patchTargets: number[][] = [];
  const [w2, tw2] = [v.w2 ?? v.w!, v.tw2 ?? v.tw!];
  for (let i = 0; i < masked; i++) {
    const size = s.patchOutDim ?? outDim;
    const p = target(logits(v.tz!, globalCrops * batch + i, tw2, size), v.centre2!, scalars.teacherPatchTemp);
    patchTargets.push(p);
    const row = logits(v.z!, (globalCrops + localCrops) * batch + i, w2, size);
    const logp = logSoftmax(row.map((a) => a / scalars.studentTemp));
    patch -= (v.weights![i]! * p.reduce((sum, a, k) => sum + a * logp[k]!, 0)) / batch / globalCrops;
  }
  patch *= scalars.lambda2;
  const teacher = raw.map(argMax);
  const student = studentRaw.map(argMax);
  const other = globalCrops > 1 ? batch : 0;
  const scale = scalars.gradientScale!;
  return {
    loss: (cls + patch) * scale,
    metrics: {
      loss: (cls + patch) * scale,
      cls: cls * scale,
      patch: patch * scale,
      teacherEntropy: average(targets.map(entropy)) * scale,
      meanTeacherEntropy: entropy(mean(targets)) * scale,
      teacherPatchEntropy: masked ? average(patchTargets.map(entropy)) * scale : 0,
      meanTeacherPatchEntropy: masked ? entropy(mean(patchTargets)) * scale : 0,
      accuracy: average(Array.from({ length: batch }, (_, b) => (teacher[b] === student[other + b] ? 1 : 0))) * scale,
      maskedRows: masked,
    },
    teacher,
    student,
  };
}

const small = { batch: 3, globalCrops: 2, masked: 0, bottleneck: 8, outDim: 20, patchOutDim: 24 };
const cases: Record<string, Sizes> = {
  'multi-crop, one last layer': { batch: 3, globalCrops: 2, localCrops: 3, capacity: 11, masked: 7, bottleneck: 12, outDim: 40 },
  'separate last layers of odd sizes': {
    batch: 2,
    globalCrops: 2,
    localCrops: 1,
    capacity: 9,
    masked: 9,
    bottleneck: 7,
    outDim: 37,
    patchOutDim: 91,
  },
  'nothing masked': { ...small, localCrops: 0, capacity: 6 },
  'no masked rows at all': { ...small, localCrops: 1, capacity: 0 },
  'one global crop': { batch: 4, globalCrops: 1, localCrops: 2, capacity: 5, masked: 3, bottleneck: 8, outDim: 68 },
  'tiny chunks': {
    batch: 5,
    globalCrops: 2,
    localCrops: 2,
    capacity: 13,
    masked: 6,
    bottleneck: 8,
    outDim: 24,
    chunkBytes: 4 * 24 * 12,
  },
  'forms for GPUs': {
    batch: 3,
    globalCrops: 2,
    localCrops: 2,
    capacity: 25,
    masked: 21,
    bottleneck: 8,
    outDim: 330,
    patchOutDim: 4096,
    forms: 'gpu',
  },
};

describe.each(Object.entries(cases))('%s', (_, s) => {
  test('values and gradients', async () => {
    const values = valuesFor(s);
    const got = await run(s, values);
    const want = reference(s, values);
    for (const [name, value] of Object.entries(want.metrics)) {
      const have = got.metrics[METRIC[name as keyof typeof METRIC]]!;
      expect(Math.abs(have - value), `${name}: got ${have}, want ${value}`).toBeLessThanOrEqual(2e-6 + 1e-5 * Math.abs(value));
    }
    expect([...got.teacher]).toEqual(want.teacher);
    expect([...got.student]).toEqual(want.student);
    const nCls = (s.globalCrops + s.localCrops) * s.batch;
    const beyond = got.dz.slice((nCls + s.masked) * s.bottleneck);
    expect(beyond).toEqual(new Float32Array((s.capacity - s.masked) * s.bottleneck));
    if (s.masked === 0 && got.dw2) expect([...got.dw2]).toEqual(new Array(got.dw2.length).fill(0));
    // Central differences of the f64 loss along random directions.
    for (const [name, gradient] of [['z', got.dz], ['w', got.dw], ['w2', got.dw2]] as const) {
      if (!gradient) continue;
      for (let d = 0; d < 3; d++) {
        const direction = normals(gradient.length, 50 + d);
        const at = (sign: number): number =>
          reference(s, { ...values, [name]: Float64Array.from(values[name]!, (x, i) => x + sign * 1e-5 * direction[i]!) }).loss;
        const wanted = (at(1) - at(-1)) / 2e-5;
        const have = gradient.reduce((sum, g, i) => sum + g * direction[i]!, 0);
        const norm = Math.hypot(...gradient) + 1e-6;
        expect(Math.abs(have - wanted) / norm, `d loss / d ${name}: got ${have}, want ${wanted}`).toBeLessThan(2e-4);
      }
    }
  });
});

test('chunks change nothing but rounding', async () => {
  const s: Sizes = { ...cases['tiny chunks']!, batch: 7, capacity: 23, masked: 14 };
  const values = valuesFor(s);
  const chunked = await run({ ...s, chunkBytes: 1 }, values);
  const whole = await run({ ...s, chunkBytes: undefined }, values);
  expect(chunked.dispatches).toBeGreaterThan(whole.dispatches);
  for (const name of ['dz', 'dw', 'metrics'] as const) {
    const scale = Math.max(...whole[name].map(Math.abs));
    whole[name].forEach((x, i) => expect(Math.abs(chunked[name][i]! - x)).toBeLessThanOrEqual(2e-6 * scale));
  }
  expect(chunked.teacher).toEqual(whole.teacher);
  expect(chunked.student).toEqual(whole.student);
});

test('the same inputs give the same bits', async () => {
  const s = cases['multi-crop, one last layer']!;
  const [a, b] = [await run(s, valuesFor(s)), await run(s, valuesFor(s))];
  expect(a.dz).toEqual(b.dz);
  expect(a.dw).toEqual(b.dw);
  expect(a.metrics).toEqual(b.metrics);
});

test('what lies past the count is ignored, what lies before it is not', async () => {
  const s = cases['multi-crop, one last layer']!;
  const values = valuesFor(s);
  const clean = await run(s, values);
  const rows = (s.globalCrops + s.localCrops) * s.batch + s.masked;
  const beyond = { ...values, z: values.z.slice() };
  beyond.z.fill(NaN, rows * s.bottleneck);
  const ignoring = await run(s, beyond);
  expect(ignoring.metrics).toEqual(clean.metrics);
  expect(ignoring.dw).toEqual(clean.dw);
  const within = { ...values, z: values.z.slice() };
  within.z[(rows - 1) * s.bottleneck] = NaN;
  const broken = await run(s, within);
  expect(broken.metrics[METRIC.loss]).toBeNaN();
});
