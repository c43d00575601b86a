import { z } from 'zod';
import { Allocation, compileGraph, download, Graph, upload } from '../graph';
import { ParameterSet } from '../nn';
import { encodeOptimiserScalars, optimiser, STATE_LENGTH, STEP_METRICS_LENGTH, STEP_SCALARS_LENGTH } from '../ops';
import { notBuiltYet, within, type CaseContext, type CaseRunner, type Check } from './check';

const configSchema = z
  .looseObject({
    shapes: z.record(z.string(), z.array(z.number().int().positive())),
    lr: z.array(z.number()),
    weight_decay_of_group_0: z.array(z.number()),
    adamw: z.looseObject({ betas: z.tuple([z.number(), z.number()]), eps: z.number() }),
    sgd: z.unknown().optional(),
    lars: z.unknown().optional(),
  })
  .refine((c) => c.weight_decay_of_group_0.length === c.lr.length, {
    path: ['weight_decay_of_group_0'],
    message: 'has another length than lr',
  });

async function adamw({ gpu, reference }: CaseContext): Promise<Check[]> {
  const config = reference.parse(configSchema);
  const inputs = await reference.tensors('inputs.safetensors');
  const expected = await reference.tensors('expected.safetensors');
  const tolerance = reference.tolerance('all');
  const specs = Object.entries(config.shapes).map(([name, shape]) => {
    return { name, shape, initialiser: { kind: 'zeros' } as const, trainable: true };
  });
  const parameters = new ParameterSet(specs, 'optimizers');
  const { length, entries } = parameters;
  const flat = (label: string): Allocation => new Allocation(label, length * 4);
  const moments = { first: flat('first moment'), second: flat('second moment') };
  const gradient = flat('gradient');
  const counters = new Allocation('counters', entries.length * 16);
  const used = [parameters.values, gradient, moments.first, moments.second, counters];

  const step = async (number: number): Promise<Float32Array> => {
    const graph = new Graph();
    const gradients = new Float32Array(length);
    const missing = new Set<string>();
    for (const { name, offset } of entries) {
      const values = inputs.find(`gradient.${number}.${name}`);
      if (values) gradients.set(values, offset);
      else missing.add(name);
    }
    const student = graph.state('student', [length], parameters.values);
    const scalars = graph.input('scalars', [STEP_SCALARS_LENGTH]);
    const { tables } = optimiser(graph, {
      // A frozen last layer is what training has in the way of parameters without gradient; here any may be one.
      entries: entries.map((entry) => ({ ...entry, lastLayer: missing.has(entry.name), teacherOffset: undefined })),
      buffers: { student: parameters.values, gradient, ...moments },
      counters: graph.state('counters', [entries.length, 4], counters),
      scalars,
      state: graph.input('state', [STATE_LENGTH], 'u32'),
      lossMetrics: graph.input('loss', [4]),
      metrics: graph.input('metrics', [4 + STEP_METRICS_LENGTH]),
      windowBytes: gpu.limits.maxStorageBufferBindingSize,
    });
    for (const [table, words] of tables) upload(gpu, table, words);
    if (number === 0) upload(gpu, student, parameters.flatten((name) => inputs.get(`initial.${name}`)));
    upload(gpu, graph.state('gradient', [length], gradient), gradients);
    const [beta1, beta2] = config.adamw.betas;
    upload(
      gpu,
      scalars,
      encodeOptimiserScalars({
        lr: config.lr[number]!,
        weightDecay: config.weight_decay_of_group_0[number]!,
        teacherMomentum: 1,
        clip: 0,
        freezeLastLayer: missing.size > 0,
        step: number,
        beta1,
        beta2,
        eps: config.adamw.eps,
      }),
    );
    const plan = await compileGraph(gpu, graph, new Map(), 'optimizers');
    plan.run();
    const values = await download(gpu, student);
    plan.destroy();
    for (const allocation of plan.layout.allocations) if (!used.includes(allocation)) allocation.destroy();
    return values;
  };

  const checks: Check[] = [];
  for (const number of config.lr.keys()) {
    for (const { name, values } of parameters.named(await step(number))) {
      const key = `adamw.after.${number}.${name}`;
      checks.push(within(key, values, expected.get(key), tolerance));
    }
  }
  for (const allocation of used) allocation.destroy();
  return checks;
}

export const optimizers: CaseRunner = {
  async run(context) {
    const config = context.reference.parse(configSchema);
    const others = (['sgd', 'lars'] as const).filter((name) => config[name] !== undefined);
    return [...(await adamw(context)), ...others.map((name) => notBuiltYet(name))];
  },
};
