import { beforeAll, expect, test } from 'vitest';
import type { Gpu } from '../../../src/engine/gpu';
import { Allocation, compileGraph, download, downloadU32, Graph, upload } from '../../../src/engine/graph';
import {
  encodeOptimiserScalars,
  NO_ENTRY,
  optimiser,
  STATE,
  STATE_LENGTH,
  STEP_METRIC,
  STEP_SCALARS_LENGTH,
  type OptimiserEntry,
  type OptimiserScalars,
} from '../../../src/engine/ops/optimiser';
import { normals } from '../../support/gradient-check';
import { testGpu } from '../../support/gpu';

const LOSSES = 5;

/** Name, length, flags; the teacher has a place for all that are not `alone`, each the next free one. */
const parameters: [string, number, { decayed?: boolean; lastLayer?: boolean; fixed?: boolean; alone?: boolean }][] = [
  ['weight', 9001, { decayed: true }],
  ['bias', 3, {}],
  ['masked_embed', 65, { decayed: true, alone: true }],
  ['last_layer.weight_v', 130, { decayed: true, lastLayer: true }],
  ['last_layer.weight_g', 10, { decayed: true, lastLayer: true, fixed: true }],
  ['unused', 7, { fixed: true, alone: true }],
];

function layout(): { entries: OptimiserEntry[]; floats: number; teacherFloats: number } {
  let floats = 0;
  let teacherFloats = 0;
  const entries = parameters.map(([name, length, { decayed = false, lastLayer = false, fixed = false, alone = false }]) => {
    const offset = floats;
    const room = Math.ceil(length / 64) * 64;
    floats += room;
    const teacherOffset = alone ? undefined : teacherFloats;
    if (!alone) teacherFloats += room;
    return { name, offset, length, decayed, lastLayer, trainable: !fixed, teacherOffset };
  });
  return { entries, floats, teacherFloats };
}

async function build(gpu: Gpu, windowBytes: number) {
  const { entries, floats, teacherFloats } = layout();
  const graph = new Graph();
  const flat = (label: string, size = floats): Allocation => new Allocation(label, size * 4);
  const buffers = {
    student: flat('student'),
    gradient: flat('gradient'),
    first: flat('first'),
    second: flat('second'),
    teacher: flat('teacher', teacherFloats),
  };
  const t = {
    student: graph.state('student', [floats], buffers.student),
    gradient: graph.state('gradient', [floats], buffers.gradient),
    first: graph.state('first', [floats], buffers.first),
    second: graph.state('second', [floats], buffers.second),
    teacher: graph.state('teacher', [teacherFloats], buffers.teacher),
    counters: graph.input('counters', [entries.length, 4]),
    scalars: graph.input('scalars', [STEP_SCALARS_LENGTH]),
    state: graph.input('state', [STATE_LENGTH], 'u32'),
    loss: graph.input('loss', [LOSSES]),
    metrics: graph.input('metrics', [LOSSES + 4]),
  };
  const { tables } = optimiser(graph, { entries, buffers, ...t, lossMetrics: t.loss, windowBytes });
  for (const [table, words] of tables) upload(gpu, table, words);
  const plan = await compileGraph(gpu, graph);
  const start = {
    student: new Float32Array(floats),
    teacher: new Float32Array(teacherFloats),
  };
  entries.forEach(({ offset, length, teacherOffset }, i) => {
    start.student.set(normals(length, i), offset);
    if (teacherOffset !== undefined) start.teacher.set(normals(length, 20 + i), teacherOffset);
  });
  upload(gpu, t.student, start.student);
  upload(gpu, t.teacher, start.teacher);
  const run = (scalars: OptimiserScalars, gradient: Float32Array, loss: Float32Array = new Float32Array(LOSSES)): void => {
    upload(gpu, t.scalars, encodeOptimiserScalars(scalars));
    upload(gpu, t.gradient, gradient);
    upload(gpu, t.loss, loss);
    plan.run();
  };
  const values = async () => ({
    student: await download(gpu, t.student),
    teacher: await download(gpu, t.teacher),
    first: await download(gpu, t.first),
    second: await download(gpu, t.second),
    counters: await download(gpu, t.counters),
  });
  return { entries, floats, plan, t, start, run, values };
}

const gradientsFor = (entries: readonly OptimiserEntry[], floats: number, seed: number): Float32Array => {
  const all = new Float32Array(floats);
  entries.forEach(({ offset, length, trainable }, i) => trainable && all.set(normals(length, seed + i, 0.1 + i), offset));
  return all;
};

const schedule: OptimiserScalars[] = [
  { lr: 0, weightDecay: 0.04, teacherMomentum: 0.9, clip: 0.3, freezeLastLayer: true, step: 0 },
  { lr: 0.02, weightDecay: 0.1, teacherMomentum: 0.95, clip: 0.3, freezeLastLayer: true, step: 1 },
  { lr: 0.01, weightDecay: 0.2, teacherMomentum: 0.99, clip: 3, freezeLastLayer: false, step: 2 },
  { lr: 0.05, weightDecay: 0.4, teacherMomentum: 0.996, clip: 0, freezeLastLayer: false, step: 3 },
];

let gpu: Gpu;
beforeAll(async () => {
  gpu = await testGpu();
});

test('steps as AdamW, clipping and the moving average are defined', async () => {
  const { entries, floats, plan, t, start, run, values } = await build(gpu, gpu.limits.maxStorageBufferBindingSize);
  // sums, decision, update
  expect(plan.dispatches).toBe(3);
  const [student, teacher] = [Float64Array.from(start.student), Float64Array.from(start.teacher)];
  const [first, second] = [new Float64Array(floats), new Float64Array(floats)];
  const counts = entries.map(() => 0);
  for (const [step, s] of schedule.entries()) {
    const gradient = gradientsFor(entries, floats, 100 * (step + 1));
    const losses = normals(LOSSES, step);
    run(s, gradient, losses);
    const norms = entries.map(({ offset, length }) => Math.hypot(...gradient.subarray(offset, offset + length)));
    entries.forEach(({ offset, length, decayed, lastLayer, trainable, teacherOffset }, e) => {
      if (trainable && !(lastLayer && s.freezeLastLayer)) {
        const count = ++counts[e]!;
        const clip = s.clip > 0 ? Math.min(1, s.clip / (norms[e]! + 1e-6)) : 1;
        for (let i = offset; i < offset + length; i++) {
          const g = gradient[i]! * clip;
          first[i] = 0.9 * first[i]! + 0.1 * g;
          second[i] = 0.999 * second[i]! + 0.001 * g * g;
          const [m, v] = [first[i]! / (1 - 0.9 ** count), second[i]! / (1 - 0.999 ** count)];
          student[i] = student[i]! * (decayed ? 1 - s.lr * s.weightDecay : 1) - (s.lr * m) / (Math.sqrt(v) + 1e-8);
        }
      }
      if (teacherOffset === undefined) return;
      for (let i = 0; i < length; i++) {
        const at = teacherOffset + i;
        teacher[at] = s.teacherMomentum * teacher[at]! + (1 - s.teacherMomentum) * student[offset + i]!;
      }
    });
    const got = await values();
    for (const [name, want] of Object.entries({ student, teacher, first, second })) {
      const have = got[name as 'student'];
      want.forEach((x, i) => {
        const close = Math.abs(have[i]! - x) <= 2e-6 + 1e-5 * Math.abs(x);
        expect(close, `step ${step}, ${name}[${i}]: got ${have[i]}, want ${x}`).toBe(true);
      });
    }
    counts.forEach((count, e) => {
      expect(got.counters[4 * e]).toBe(count);
      expect(got.counters[4 * e + 1]).toBeCloseTo(1 - 0.9 ** count, 6);
      expect(got.counters[4 * e + 2]).toBeCloseTo(1 - 0.999 ** count, 6);
    });
    const metrics = await download(gpu, t.metrics);
    expect(metrics.slice(0, LOSSES)).toEqual(losses);
    expect(metrics[LOSSES + STEP_METRIC.gradientNorm]! / Math.hypot(...norms)).toBeCloseTo(1, 5);
    expect(metrics[LOSSES + STEP_METRIC.largestNormEntry]).toBe(norms.indexOf(Math.max(...norms)));
    expect(metrics[LOSSES + STEP_METRIC.largestNorm]! / Math.max(...norms)).toBeCloseTo(1, 5);
    expect(metrics[LOSSES + STEP_METRIC.ok]).toBe(1);
    expect((await download(gpu, t.gradient)).every((x) => x === 0)).toBe(true);
    expect((await download(gpu, t.loss)).every((x) => x === 0)).toBe(true);
    expect([...(await downloadU32(gpu, t.state))]).toEqual([0, 1, 0, 0]);
  }
  plan.destroy();
});

test.each([256, 4096, 36_864])('windows of %i bytes change nothing but the order of a sum of squares', async (windowBytes) => {
  const whole = await build(gpu, gpu.limits.maxStorageBufferBindingSize);
  const cut = await build(gpu, windowBytes);
  expect(cut.plan.dispatches).toBeGreaterThan(whole.plan.dispatches);
  for (const { dispatch } of cut.plan.layout.steps) {
    const flat = dispatch.tensors.filter((tensor) => /^(student|gradient|first|second|teacher)/.test(tensor.name));
    for (const tensor of flat) {
      expect(tensor.bytes).toBeLessThanOrEqual(windowBytes);
      expect(tensor.byteOffset % 256).toBe(0);
    }
  }
  for (const [step, s] of schedule.entries()) {
    const gradient = gradientsFor(whole.entries, whole.floats, 100 * (step + 1));
    whole.run(s, gradient);
    cut.run(s, gradient);
  }
  const [a, b] = [await whole.values(), await cut.values()];
  for (const name of ['student', 'teacher', 'first', 'second'] as const) {
    // A cut parameter's sum of squares is added up in another order, so the clip coefficient may differ in its last bit.
    a[name].forEach((x, i) => expect(Math.abs(b[name][i]! - x)).toBeLessThanOrEqual(1e-6 + 1e-6 * Math.abs(x)));
  }
  whole.plan.destroy();
  cut.plan.destroy();
});

test.each([
  ['a NaN in a gradient', 2, NaN],
  ['an infinite gradient of a frozen last layer', 3, -Infinity],
])('%s halts for good', async (_, entry, value) => {
  const { entries, floats, plan, t, run, values } = await build(gpu, gpu.limits.maxStorageBufferBindingSize);
  run(schedule[1]!, gradientsFor(entries, floats, 1));
  const before = await values();
  const bad = gradientsFor(entries, floats, 2);
  bad[entries[entry]!.offset + entries[entry]!.length - 1] = value;
  run({ ...schedule[1]!, step: 17 }, bad);
  expect(await values()).toEqual(before);
  const state = await downloadU32(gpu, t.state);
  expect([state[STATE.halt], state[STATE.ok], state[STATE.haltedStep], state[STATE.haltedEntry]]).toEqual([1, 0, 17, entry]);
  expect((await download(gpu, t.gradient)).every((x) => x === 0)).toBe(true);
  const metrics = await download(gpu, t.metrics);
  expect(metrics[LOSSES + STEP_METRIC.ok]).toBe(0);
  run({ ...schedule[2]!, step: 18 }, gradientsFor(entries, floats, 3));
  expect(await values()).toEqual(before);
  expect(await downloadU32(gpu, t.state)).toEqual(state);
  plan.destroy();
});

test('a loss that is not finite halts without naming a parameter; a large gradient does not halt', async () => {
  const { entries, floats, plan, t, run, values } = await build(gpu, gpu.limits.maxStorageBufferBindingSize);
  const large = gradientsFor(entries, floats, 1);
  large[0] = 1e30;
  run(schedule[2]!, large);
  expect([...(await downloadU32(gpu, t.state))].slice(0, 2)).toEqual([0, 1]);
  const before = await values();
  expect(before.student.every(Number.isFinite)).toBe(true);
  run({ ...schedule[2]!, step: 5 }, gradientsFor(entries, floats, 2), new Float32Array([1, 2, NaN, 0, 0]));
  expect([...(await downloadU32(gpu, t.state))]).toEqual([1, 0, 5, NO_ENTRY]);
  expect(await values()).toEqual(before);
  plan.destroy();
});

test('a layout that does not fit is refused', () => {
  const graph = new Graph();
  const flat = new Allocation('flat', 512);
  const entry = { name: 'a', offset: 0, length: 65, decayed: false, lastLayer: false, trainable: true, teacherOffset: undefined };
  const build = (entries: OptimiserEntry[]): unknown =>
    optimiser(graph, {
      entries,
      buffers: { student: flat, gradient: flat, first: flat, second: flat },
      counters: graph.input('counters', [entries.length, 4]),
      scalars: graph.input('scalars', [STEP_SCALARS_LENGTH]),
      state: graph.input('state', [STATE_LENGTH], 'u32'),
      lossMetrics: graph.input('loss', [1]),
      metrics: graph.input('metrics', [5]),
      windowBytes: 1024,
    });
  expect(() => build([entry, { ...entry, name: 'b', offset: 64 }])).toThrow(/b overlaps/);
  expect(() => build([{ ...entry, length: 129 }])).toThrow(/reaches past/);
  expect(() => build([{ ...entry, teacherOffset: 0 }])).toThrow(/no aligned place/);
});
