/** Kernels are chosen by measuring: with an op whose variants differ by what they take, on any device. */
import { expect, test } from 'vitest';
import { Graph, PlanLayout, spread, tune, type Dispatch, type Kernel, type OpDefinition } from '../../../src/engine/graph';
import { testGpu } from '../../support/gpu';

const kernel = (name: string): Kernel => ({
  key: `test-copy/${name}`,
  bindings: ['x: f32', 'y: f32'],
  params: ['size', 'rounds'],
  workgroup: [64, 1, 1],
  main: `
  if (global.x >= p.size) { return; }
  var value = x[global.x];
  for (var round = 0u; round < p.rounds; round++) { value = value * 1.0001 + 0.1; }
  y[global.x] = value;`,
});

const copyOp: OpDefinition<object> = {
  name: 'test-copy',
  outputs: ([x]) => [{ shape: x!.shape }],
  lower: ({ inputs, outputs }, lowering) => {
    const size = inputs[0]!.size;
    const build = (name: string, rounds: number) => (): Dispatch[] => [
      {
        kernel: kernel(name),
        tensors: [inputs[0]!, outputs[0]!],
        params: { size, rounds },
        workgroups: spread(Math.ceil(size / 64)),
      },
    ];
    const mayNot = (): never => {
      throw new Error('not for this device');
    };
    return lowering.choose('test-copy', String(size), [
      { name: 'impossible', available: false, build: mayNot },
      { name: 'slow', build: build('slow', 100_000) },
      { name: 'fast', build: build('fast', 0) },
      { name: 'yardstick', suits: 'none', build: build('yardstick', 0) },
    ]);
  },
};

function copy(size: number): Graph {
  const graph = new Graph();
  graph.keep(graph.one(copyOp, [graph.input('x', [size])], {}));
  return graph;
}

const kernels = ({ steps }: PlanLayout): string[] => steps.map(({ dispatch }) => dispatch.kernel.key);

test('the fastest that suits the device is taken, once and for all; other shapes take what the nearest have', async () => {
  const gpu = await testGpu();
  const table = new Map<string, string>();
  const before = new PlanLayout(gpu, copy(256), table);
  expect(kernels(before)).toEqual(['test-copy/slow']);
  const open = [...before.open.values()];
  expect(open.map(({ key, candidates }) => [key, candidates])).toEqual([['test-copy/256', ['slow', 'fast']]]);

  const [measured] = await tune(gpu, open, table);
  expect(measured!.milliseconds.fast).toBeLessThan(measured!.milliseconds.slow!);
  expect([...table]).toEqual([['test-copy/256', 'fast']]);
  const after = new PlanLayout(gpu, copy(256), table);
  expect(kernels(after)).toEqual(['test-copy/fast']);
  expect(after.open.size).toBe(0);
  expect(await tune(gpu, open, table)).toEqual([]);

  table.set('test-copy/65536', 'slow');
  expect(kernels(new PlanLayout(gpu, copy(300), table))).toEqual(['test-copy/fast']);
  expect(kernels(new PlanLayout(gpu, copy(50_000), table))).toEqual(['test-copy/slow']);
});
