import { z } from 'zod';
import { UserError } from '../errors';
import type { Gpu } from '../gpu';
import { compileGraph, download, Graph, upload } from '../graph';
import { augment, RECORD_WORDS, writeAugmentRecord, type AugmentRecord, type Normalisation } from '../ops/augment';
import type { ReferenceCase, Tensors } from './case';
import { atMost, type CaseRunner, type Check } from './check';
import { boxChecks, boxesSchema } from './crop-boxes';

const colour = z.tuple([z.number(), z.number(), z.number()]);
const configSchema = z.looseObject({ mean: colour, std: colour });
const box = z.tuple([z.number(), z.number(), z.number(), z.number()]);
const stepSchema = z.discriminatedUnion('op', [
  z.looseObject({ op: z.literal('resized_crop'), top_left_height_width: box, output: z.string() }),
  z.looseObject({ op: z.enum(['brightness', 'contrast', 'saturation', 'hue']), factor: z.number(), output: z.string() }),
  z.looseObject({ op: z.enum(['hflip', 'grayscale', 'normalize']), output: z.string() }),
  z.looseObject({ op: z.literal('blur'), radius: z.number(), output: z.string() }),
  // The engine has the original's one threshold.
  z.looseObject({ op: z.literal('solarize'), threshold: z.literal(128).default(128), output: z.string() }),
]);
type Step = z.infer<typeof stepSchema>;
const withInput = z.looseObject({ input: z.string() });
const parametersSchema = z.looseObject({
  chains: z.record(z.string(), withInput.extend({ steps: z.array(stepSchema).min(1) })),
  single_operations: z.array(z.intersection(withInput, stepSchema)).default([]),
  crops: z.array(withInput.extend({ top_left_height_width: box, output: z.string() })).default([]),
  crop_box_distribution: boxesSchema.default({}),
});
const measuredSchema = z.record(z.string(), z.looseObject({ mean_abs: z.number(), max_abs: z.number() }));

interface Picture {
  width: number;
  height: number;
  pixels: Uint32Array;
}

/** Inputs are [height, width, 3], results [3, height, width], both of whole numbers up to 255. */
function picture(inputs: Tensors, expected: Tensors, name: string): Picture {
  const planes = !inputs.has(name);
  const tensors = planes ? expected : inputs;
  const data = tensors.get(name);
  const [height = 0, width = 0] = planes ? tensors.shape(name).slice(1) : tensors.shape(name);
  const area = height * width;
  if (area * 3 !== data.length) throw new UserError(`${name} is no picture of three colours: the case is incomplete.`);
  const value = (i: number, c: number): number => (planes ? data[c * area + i]! : data[3 * i + c]!);
  const pixels = Uint32Array.from({ length: area }, (_, i) => value(i, 0) | (value(i, 1) << 8) | (value(i, 2) << 16));
  return { width, height, pixels };
}

type Change = Partial<AugmentRecord>;

/** What a step changes about a record that takes the whole picture as it is. */
function change(step: Step): Change {
  switch (step.op) {
    case 'resized_crop': {
      const [top, left, height, width] = step.top_left_height_width;
      return { top, left, height, width };
    }
    case 'hflip':
      return { flip: true };
    case 'grayscale':
      return { greyscale: true };
    case 'solarize':
      return { solarise: true };
    case 'blur':
      return { blur: step.radius };
    case 'normalize':
      return {};
    default:
      return { jitter: [[step.op, step.factor]] };
  }
}

interface Work {
  source: Picture;
  change: Change;
}

/** Results [3, size, size] in the order of the work. */
async function augmented(gpu: Gpu, work: readonly Work[], size: number, normalise: Normalisation): Promise<Float32Array[]> {
  const pixels = new Uint32Array(work.reduce((sum, { source }) => sum + source.pixels.length, 0));
  const words = new Uint32Array(work.length * RECORD_WORDS);
  let offset = 0;
  work.forEach(({ source: { width, height, pixels: values }, change: changed }, i) => {
    pixels.set(values, offset);
    const whole = { offset, pictureWidth: width, pictureHeight: height, left: 0, top: 0, width, height };
    writeAugmentRecord({ ...whole, ...changed }, words, i);
    offset += values.length;
  });
  const graph = new Graph();
  const source = graph.input('pixels', [pixels.length], 'u32');
  const records = graph.input('records', [words.length], 'u32');
  const images = graph.keep(augment(graph, source, records, { crops: work.length, size, ...normalise }));
  upload(gpu, source, pixels);
  upload(gpu, records, words);
  const plan = await compileGraph(gpu, graph, new Map(), 'augmentations');
  plan.run();
  const all = await download(gpu, images);
  plan.destroy();
  for (const allocation of plan.layout.allocations) allocation.destroy();
  const length = 3 * size * size;
  return work.map((_, i) => all.subarray(i * length, (i + 1) * length));
}

/** Absolute differences, `want` in units of `unit`; NaN shows in both figures. */
function distance(got: Float32Array, want: Float32Array, unit: number): { mean: number; max: number } {
  let sum = 0;
  let max = 0;
  got.forEach((value, i) => {
    const difference = Math.abs(value - want[i]! / unit);
    sum += difference;
    max = difference <= max ? max : difference;
  });
  return { mean: sum / got.length, max };
}

/** Limits of one operation's mean and largest difference, from the tolerance's text and the case's own measurements. */
function operationLimits(reference: ReferenceCase): (op: string) => { mean: number; max: number } {
  const schema = z.looseObject({ mean_abs: z.string(), max_abs: z.string() });
  const parsed = schema.safeParse(reference.rawTolerance('each operation, fed with the stored result of the operation before'));
  const pattern = /larger of ([\d.]+) and ([\d.]+) times/;
  const [mean, max] = [pattern.exec(parsed.data?.mean_abs ?? ''), pattern.exec(parsed.data?.max_abs ?? '')];
  const measured = z.looseObject({ float_versus_8bit: measuredSchema }).safeParse(reference.measured);
  if (!mean || !max || !measured.success) {
    throw new UserError(`${reference.name}: the tolerance of each operation is not understood.`);
  }
  return (op) => {
    const noise = measured.data.float_versus_8bit[op];
    return {
      mean: Math.max(Number(mean[1]), Number(mean[2]) * (noise?.mean_abs ?? 0)),
      max: Math.max(Number(max[1]), Number(max[2]) * (noise?.max_abs ?? 0)),
    };
  };
}

/** A result to be computed and what it is compared with. */
interface Task extends Work {
  output: string;
  /** null: only divided by 255. */
  normalise: Normalisation | null;
  judge: (off: { mean: number; max: number }) => Check[];
}

const UNIT: Normalisation = { mean: [0, 0, 0], std: [1, 1, 1] };

/** Runs tasks together that have results of one size and one normalisation. */
async function carryOut(gpu: Gpu, tasks: readonly Task[], expected: Tensors): Promise<Check[]> {
  const sizeOf = ({ output }: Task): number => {
    const [, height = 0, width] = expected.shape(output);
    if (height < 1 || height !== width) throw new UserError(`${output} is no square picture: the case cannot be run.`);
    return height;
  };
  const groups = new Map<string, Task[]>();
  for (const task of tasks) {
    const key = `${sizeOf(task)} ${task.normalise !== null}`;
    groups.set(key, [...(groups.get(key) ?? []), task]);
  }
  const checks = new Map<Task, Check[]>();
  for (const group of groups.values()) {
    const { normalise } = group[0]!;
    const results = await augmented(gpu, group, sizeOf(group[0]!), normalise ?? UNIT);
    group.forEach((task, i) => {
      checks.set(task, task.judge(distance(results[i]!, expected.get(task.output), normalise ? 1 : 255)));
    });
  }
  return tasks.flatMap((task) => checks.get(task)!);
}

export const augmentations: CaseRunner = {
  async run({ gpu, reference }) {
    const normalisation: Normalisation = reference.parse(configSchema);
    const parameters = await reference.json('parameters.json', parametersSchema);
    const inputs = await reference.tensors('inputs.safetensors');
    const expected = await reference.tensors('expected.safetensors');
    const limits = operationLimits(reference);
    const chainLimit = reference.toleranceInWords('whole chain', /below ([\d.]+)/);

    const single = (input: string, step: Step): Task => ({
      source: picture(inputs, expected, input),
      change: change(step),
      output: step.output,
      normalise: step.op === 'normalize' ? normalisation : null,
      judge: ({ mean, max }) => {
        const limit = limits(step.op);
        return [atMost(`${step.output} (mean)`, mean, limit.mean), atMost(`${step.output} (largest)`, max, limit.max)];
      },
    });
    const crops = parameters.crops.map((crop) => single(crop.input, { ...crop, op: 'resized_crop' }));
    const singles = parameters.single_operations.map((step) => single(step.input, step));
    const chains = Object.entries(parameters.chains).flatMap(([name, { input, steps }]): Task[] => {
      const parts = steps.map((step, i) => single(steps[i - 1]?.output ?? input, step));
      const changes = parts.map((part) => part.change);
      const whole: Task = {
        source: picture(inputs, expected, input),
        change: Object.assign({}, ...changes, { jitter: changes.flatMap((c) => [...(c.jitter ?? [])]) }) as Change,
        output: steps.at(-1)!.output,
        normalise: normalisation,
        judge: ({ mean }) => [atMost(`${name} (whole chain)`, mean, chainLimit)],
      };
      return [...parts, whole];
    });
    const checks = await carryOut(gpu, [...chains, ...singles, ...crops], expected);
    return [...checks, ...boxChecks(parameters.crop_box_distribution)];
  },
};
