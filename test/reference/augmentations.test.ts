/** Case augmentations: every step on the device, fed with the stored result of the one before, and whole chains. */
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { compileGraph, download, Graph, upload } from '../../src/engine/graph';
import { readSafetensors, type StoredTensor } from '../../src/engine/formats/safetensors';
import {
  augment,
  RECORD_WORDS,
  writeAugmentRecord,
  type AugmentRecord,
  type JitterStep,
  type Normalisation,
} from '../../src/engine/ops/augment';
import { testGpu } from '../support/gpu';

interface Step {
  op: 'resized_crop' | 'hflip' | JitterStep | 'grayscale' | 'blur' | 'solarize' | 'normalize';
  top_left_height_width?: [number, number, number, number];
  size?: number;
  factor?: number;
  radius?: number;
  mean?: number[];
  std?: number[];
  input?: string;
  output: string;
}
type Measured = Record<string, { mean_abs: number; max_abs: number }>;

const folder = new URL('./augmentations/', import.meta.url).pathname;
const { config, measured } = JSON.parse(await readFile(`${folder}case.json`, 'utf8')) as {
  config: Normalisation;
  measured: { float_versus_8bit: Measured };
};
const parameters = JSON.parse(await readFile(`${folder}parameters.json`, 'utf8')) as {
  chains: Record<string, { input: string; steps: Step[] }>;
  single_operations: (Step & { input: string })[];
  crops: (Step & { input: string })[];
};
const inputs = (await readSafetensors(`${folder}inputs.safetensors`)).tensors;
const expected = (await readSafetensors(`${folder}expected.safetensors`)).tensors;

interface Picture {
  width: number;
  height: number;
  pixels: Uint32Array;
}
/** Inputs are [height, width, 3], results [3, height, width]. */
function picture({ shape, data }: StoredTensor): Picture {
  const planes = shape[0] === 3;
  const [height, width] = planes ? [shape[1]!, shape[2]!] : [shape[0]!, shape[1]!];
  const area = height * width;
  const value = (i: number, c: number): number => Number(planes ? data[c * area + i] : data[3 * i + c]);
  const pixels = Uint32Array.from({ length: area }, (_, i) => value(i, 0) | (value(i, 1) << 8) | (value(i, 2) << 16));
  return { width, height, pixels };
}
const find = (name: string): StoredTensor => (inputs.get(name) ?? expected.get(name))!;

type Change = Partial<AugmentRecord>;
function change(step: Step): Change {
  switch (step.op) {
    case 'resized_crop': {
      const [top, left, height, width] = step.top_left_height_width!;
      return { top, left, height, width };
    }
    case 'hflip':
      return { flip: true };
    case 'grayscale':
      return { greyscale: true };
    case 'solarize':
      return { solarise: true };
    case 'blur':
      return { blur: step.radius! };
    case 'normalize':
      return {};
    default:
      return { jitter: [[step.op, step.factor!]] };
  }
}

interface Work {
  input: string;
  size: number;
  change: Change;
}
/** Results in the order of the work, all of one size in one call. */
async function run(work: readonly Work[], normalise: Normalisation): Promise<Float32Array[]> {
  const gpu = await testGpu();
  const { size } = work[0]!;
  const pictures = work.map(({ input }) => picture(find(input)));
  const pixels = new Uint32Array(pictures.reduce((sum, p) => sum + p.pixels.length, 0));
  const words = new Uint32Array(work.length * RECORD_WORDS);
  let offset = 0;
  pictures.forEach(({ width, height, pixels: values }, i) => {
    pixels.set(values, offset);
    const whole = { offset, pictureWidth: width, pictureHeight: height, left: 0, top: 0, width, height };
    writeAugmentRecord({ ...whole, ...work[i]!.change }, words, i);
    offset += values.length;
  });
  const graph = new Graph();
  const [source, records] = [graph.input('pixels', [pixels.length], 'u32'), graph.input('records', [words.length], 'u32')];
  const images = graph.keep(augment(graph, source, records, { crops: work.length, size, ...normalise }));
  upload(gpu, source, pixels);
  upload(gpu, records, words);
  const plan = await compileGraph(gpu, graph);
  plan.run();
  const all = await download(gpu, images);
  plan.destroy();
  return work.map((_, i) => all.subarray(i * 3 * size * size, (i + 1) * 3 * size * size));
}

function distance(got: Float32Array, want: StoredTensor, unit: number): { mean: number; max: number } {
  expect(got.length).toBe(want.data.length);
  let sum = 0;
  let max = 0;
  got.forEach((value, i) => {
    const difference = Math.abs(value - Number(want.data[i]) / unit);
    sum += difference;
    max = difference > max || Number.isNaN(difference) ? difference : max;
  });
  return { mean: sum / got.length, max };
}

const plain: Normalisation = { mean: [0, 0, 0], std: [1, 1, 1] };
const steps = [
  ...Object.values(parameters.chains).flatMap(({ input, steps: chain }) =>
    chain.map((step, i) => ({ ...step, input: chain[i - 1]?.output ?? input })),
  ),
  ...parameters.single_operations,
  ...parameters.crops.map((crop) => ({ ...crop, op: 'resized_crop' as const })),
];
const sizeOf = (name: string): number => expected.get(name)!.shape[1]!;

describe.each([...new Set(steps.map((step) => step.op))])('%s', (op) => {
  const wanted = steps.filter((step) => step.op === op);
  test.each([...new Set(wanted.map((step) => sizeOf(step.output)))])('%i pixels', async (size) => {
    const chosen = wanted.filter((step) => sizeOf(step.output) === size);
    const normalise = op === 'normalize' ? config : plain;
    const results = await run(chosen.map((step) => ({ input: step.input, size, change: change(step) })), normalise);
    const noise = measured.float_versus_8bit[op];
    chosen.forEach((step, i) => {
      const { mean, max } = distance(results[i]!, find(step.output), op === 'normalize' ? 1 : 255);
      if (process.env.PRINT_DISTANCES) console.log(step.output, mean.toFixed(6), max.toFixed(6));
      expect(mean, `${step.output}: mean`).toBeLessThanOrEqual(Math.max(0.004, 1.5 * (noise?.mean_abs ?? 0)));
      expect(max, `${step.output}: max`).toBeLessThanOrEqual(Math.max(0.02, 1.5 * (noise?.max_abs ?? 0)));
    });
  });
});

const chains = Object.values(parameters.chains);
const chainSize = (steps: Step[]): number => steps[0]!.size!;
test.each([...new Set(chains.map((chain) => chainSize(chain.steps)))])('whole chains of %i pixels', async (size) => {
  const chosen = chains.filter((chain) => chainSize(chain.steps) === size);
  const work = chosen.map(({ input, steps: chain }) => {
    const changes = chain.map(change);
    const jitter = changes.flatMap((c) => [...(c.jitter ?? [])]);
    return { input, size, change: Object.assign({}, ...changes, { jitter }) as Change };
  });
  const results = await run(work, config);
  chosen.forEach((chain, i) => {
    const last = chain.steps.at(-1)!.output;
    const { mean } = distance(results[i]!, find(last), 1);
    if (process.env.PRINT_DISTANCES) console.log(last, 'chain', mean.toFixed(6));
    expect(mean, last).toBeLessThan(0.15);
  });
});

test('a box of the whole picture at its own size changes nothing', async () => {
  const [result] = await run([{ input: 'single.input', size: 48, change: {} }], plain);
  const { pixels } = picture(find('single.input'));
  const planes = [0, 8, 16].flatMap((shift) => [...pixels].map((v) => (v >>> shift) & 255));
  expect([...result!].map((value) => Math.round(value * 255 * 1e4) / 1e4)).toEqual(planes);
});
