/** Case `optimizers`, AdamW: parameters after each of the steps on given gradients. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readSafetensors, toFloat32 } from '../../src/engine/formats';
import { Allocation, compileGraph, download, Graph, upload } from '../../src/engine/graph';
import { encodeOptimiserScalars, optimiser, STATE_LENGTH, STEP_SCALARS_LENGTH } from '../../src/engine/ops/optimiser';
import { testGpu } from '../support/gpu';

interface Config {
  shapes: Record<string, number[]>;
  lr: number[];
  weight_decay_of_group_0: number[];
  without_gradient: Record<string, string>;
  adamw: { betas: [number, number]; eps: number };
}

const folder = new URL('./optimizers/', import.meta.url);

test('AdamW as PyTorch steps it', async () => {
  const { config, tolerance } = JSON.parse(readFileSync(new URL('case.json', folder), 'utf8')) as {
    config: Config;
    tolerance: { all: { atol: number; rtol: number } };
  };
  const read = async (file: string) => (await readSafetensors(fileURLToPath(new URL(file, folder)))).tensors;
  const [inputs, expected] = [await read('inputs.safetensors'), await read('expected.safetensors')];
  const gpu = await testGpu();
  let reached = 0;
  const entries = Object.entries(config.shapes).map(([name, shape]) => {
    const length = shape.reduce((a, b) => a * b, 1);
    const offset = reached;
    reached += Math.ceil(length / 64) * 64;
    return {
      name,
      offset,
      length,
      decayed: !(name.endsWith('.bias') || shape.length === 1),
      lastLayer: name.includes('last_layer'),
      trainable: true,
      teacherOffset: [],
    };
  });
  const graph = new Graph();
  const flat = (label: string): Allocation => new Allocation(label, reached * 4);
  const buffers = { student: flat('student'), gradient: flat('gradient'), first: flat('first'), second: flat('second') };
  const student = graph.state('student', [reached], buffers.student);
  const gradient = graph.state('gradient', [reached], buffers.gradient);
  const scalars = graph.input('scalars', [STEP_SCALARS_LENGTH]);
  const { tables } = optimiser(graph, {
    entries,
    buffers,
    counters: graph.input('counters', [entries.length, 4]),
    scalars,
    state: graph.input('state', [STATE_LENGTH], 'u32'),
    lossMetrics: graph.input('loss', [4]),
    metrics: graph.input('metrics', [8]),
    windowBytes: gpu.limits.maxStorageBufferBindingSize,
  });
  for (const [table, words] of tables) upload(gpu, table, words);
  const plan = await compileGraph(gpu, graph);
  expect(plan.dispatches).toBeLessThanOrEqual(4);
  const pack = (of: (name: string) => Float32Array | undefined): Float32Array => {
    const all = new Float32Array(reached);
    for (const { name, offset } of entries) all.set(of(name) ?? [], offset);
    return all;
  };
  upload(gpu, student, pack((name) => toFloat32(inputs.get(`initial.${name}`)!)));
  for (const [step, lr] of config.lr.entries()) {
    const gradientOf = (name: string): Float32Array | undefined => {
      const stored = inputs.get(`gradient.${step}.${name}`);
      return stored && toFloat32(stored);
    };
    upload(gpu, gradient, pack(gradientOf));
    const missing = config.without_gradient[step];
    // Only last layers are ever without gradient here, which is what freezing does.
    expect(missing === undefined || missing.includes('last_layer')).toBe(true);
    const [beta1, beta2] = config.adamw.betas;
    upload(
      gpu,
      scalars,
      encodeOptimiserScalars({
        lr,
        weightDecay: config.weight_decay_of_group_0[step]!,
        teacherMomentum: 1,
        clip: 0,
        freezeLastLayer: missing !== undefined,
        step,
        beta1,
        beta2,
        eps: config.adamw.eps,
      }),
    );
    plan.run();
    const got = await download(gpu, student);
    for (const { name, offset, length } of entries) {
      const want = toFloat32(expected.get(`adamw.after.${step}.${name}`)!);
      for (let i = 0; i < length; i++) {
        const error = Math.abs(got[offset + i]! - want[i]!);
        const allowed = tolerance.all.atol + tolerance.all.rtol * Math.abs(want[i]!);
        expect(error <= allowed, `step ${step}, ${name}[${i}]: got ${got[offset + i]}, want ${want[i]}`).toBe(true);
      }
    }
  }
  plan.destroy();
});
