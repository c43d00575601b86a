import { z } from 'zod';
import { UserError } from '../errors';
import { compileGraph, download, Graph, upload, type Tensor } from '../graph';
import { teacherBackbone, teacherHead, teacherTemperatureSchedule, within as prefixed, type Trainer } from '../ibot';
import { headLogits, vit, type HeadConfig, type VitConfig } from '../nn';
import { gatherRows, patchify } from '../ops';
import type { ReferenceCase, Tensors } from './case';
import { atMost, within, type CaseRunner, type Check } from './check';
import { caseTrainer, imageBatches, trainingSchema, type TrainingCase } from './training-case';

const variantSchema = trainingSchema.extend({ epoch: z.number().int() });

/** Limits of gradients, taken from the numbers in the tolerance's text. */
function gradientLimits(reference: ReferenceCase): { relative: number; largest: number; key: number; keyFloor: number } {
  const schema = z.looseObject({ relative_l2_of_each_tensor: z.number(), max_abs: z.string() });
  const parsed = schema.safeParse(reference.rawTolerance('gradients'));
  const number = '([\\d.]+(?:e[-+]?\\d+)?)';
  const text = parsed.success ? parsed.data.max_abs : '';
  const match = new RegExp(`${number} times .*?key part.*? ${number} times .* or ${number}`).exec(text);
  if (!parsed.success || !match) throw new UserError(`${reference.name}: the tolerance of gradients is not understood.`);
  return {
    relative: parsed.data.relative_l2_of_each_tensor,
    largest: Number(match[1]),
    key: Number(match[2]),
    keyFloor: Number(match[3]),
  };
}

const largest = (values: ArrayLike<number>): number => Array.from(values).reduce((most, v) => Math.max(most, Math.abs(v)), 0);

/** Compares one parameter's gradient: relative L2 and largest deviation, the key part of qkv.bias by size alone. */
function compareGradient(
  name: string,
  got: Float32Array,
  want: Float32Array,
  limits: ReturnType<typeof gradientLimits>,
): Check[] {
  const third = name.endsWith('attn.qkv.bias') ? want.length / 3 : 0;
  const isKey = (i: number): boolean => third > 0 && i >= third && i < 2 * third;
  const most = largest(want);
  let off = 0;
  let norm = 0;
  let worst = 0;
  let key = 0;
  for (let i = 0; i < want.length; i++) {
    if (isKey(i)) {
      key = Math.max(key, Math.abs(got[i]!));
      continue;
    }
    const difference = Math.abs(got[i]! - want[i]!);
    off += difference ** 2;
    norm += want[i]! ** 2;
    worst = Math.max(worst, Number.isNaN(difference) ? Infinity : difference);
  }
  const checks = [
    atMost(`${name} (relative L2)`, Math.sqrt(off / norm), limits.relative),
    atMost(`${name} (largest deviation)`, worst, limits.largest * most),
  ];
  if (third > 0) checks.push(atMost(`${name} (key part)`, key, Math.max(limits.key * most, limits.keyFloor)));
  return checks;
}

/** Logits of all crops by plain forward passes, as the case lists them. */
async function logits(trainer: Trainer, c: TrainingCase, inputs: Tensors): Promise<Map<string, Float32Array>> {
  const { gpu, network } = trainer;
  const graph = new Graph();
  const [batch] = imageBatches(c, inputs, '');
  const student = network.studentTensors(graph);
  const teacher = network.teacherTensors(graph);
  const patch = c.backbone.patch_size;
  const kept = new Map<string, Tensor>();
  const pass = (
    name: string,
    p: (n: string) => Tensor,
    model: VitConfig,
    head: HeadConfig,
    crops: { images: Float32Array; count: number; size: number },
    mask?: Uint32Array,
  ): void => {
    const sequences = crops.count * c.batch;
    const grid = crops.size / patch;
    const images = graph.input(`${name} images`, [sequences, 3, crops.size, crops.size]);
    upload(gpu, images, crops.images);
    const maskTensor = mask && graph.input(`${name} mask`, [mask.length], 'u32');
    if (maskTensor) upload(gpu, maskTensor, mask);
    const { tokens } = vit(graph, prefixed(p, 'backbone.'), model, {
      patches: patchify(graph, images, patch),
      groups: [{ sequences, rows: grid, columns: grid }],
      mask: maskTensor,
    });
    const length = grid * grid + 1;
    const rows = (what: string, per: number, first: number): Tensor => {
      const index = graph.input(`${name} ${what}`, [sequences * per], 'u32');
      const place = (i: number): number => Math.floor(i / per) * length + first + (i % per);
      upload(gpu, index, Uint32Array.from({ length: sequences * per }, (_, i) => place(i)));
      return gatherRows(graph, tokens, index);
    };
    const h = prefixed(p, 'head.');
    kept.set(`${name}_cls`, graph.keep(headLogits(graph, h, head, rows('cls', 1, 0), 'cls')));
    if (crops.size === c.global_size) {
      kept.set(`${name}_patch`, graph.keep(headLogits(graph, h, head, rows('patch', grid * grid, 1), 'patch')));
    }
  };
  const { config } = network;
  const globals = { images: batch!.globalImages, count: c.global_crops_number, size: c.global_size };
  const mask = Uint32Array.from(batch!.masks.flatMap((m) => Array.from(m)));
  pass('student', student, config.backbone, config.head, globals, mask);
  pass('teacher', teacher, teacherBackbone(config), teacherHead(config), globals);
  if (batch!.localImages) {
    const locals = { images: batch!.localImages, count: c.local_crops_number, size: c.local_size };
    pass('student_local', student, config.backbone, config.head, locals);
  }
  const plan = await compileGraph(gpu, graph, new Map(), 'logits');
  plan.run();
  const values = new Map<string, Float32Array>();
  for (const [name, tensor] of kept) values.set(name, await download(gpu, tensor));
  plan.destroy();
  return values;
}

export const gradients: CaseRunner = {
  async run({ gpu, reference }) {
    const limits = gradientLimits(reference);
    const checks: Check[] = [];
    for (const variant of Object.keys(reference.config)) {
      const c = reference.parse(variantSchema, variant);
      const file = (name: string): Promise<Tensors> => reference.tensors(`${variant}.${name}.safetensors`);
      const [inputs, expected, wanted] = [await file('inputs'), await file('expected'), await file('gradients')];
      const weights = { student: await file('weights.student'), teacher: await file('weights.teacher') };
      const { trainer } = await caseTrainer(gpu, c, weights);
      const { network } = trainer;
      const add = (name: string, got: ArrayLike<number>, want: ArrayLike<number>, tolerance: string): void => {
        checks.push(within(`${variant}.${name}`, got, want, reference.tolerance(tolerance)));
      };
      for (const [name, values] of await logits(trainer, c, inputs)) {
        if (expected.has(name)) add(name, values, expected.get(name), 'logits');
      }
      trainer.loadCentres(inputs.get('center'), inputs.get('center2'));
      const at = (warmup: number, final: number): number =>
        teacherTemperatureSchedule({
          warmup,
          final,
          warmupEpochs: c.warmup_teacher_temp_epochs,
          epochs: c.epochs,
          stepsPerEpoch: 1,
        })(c.epoch);
      const gradient = await trainer.gradientOf(
        { step: 0, epoch: c.epoch },
        {
          learningRate: 0,
          weightDecay: 0,
          momentum: 1,
          teacherTemperature: at(c.warmup_teacher_temp, c.teacher_temp),
          teacherPatchTemperature: at(c.warmup_teacher_patch_temp, c.teacher_patch_temp),
          freezeLastLayer: false,
        },
        imageBatches(c, inputs, ''),
      );
      for (const what of ['loss', 'cls', 'patch'] as const) {
        add(what, [gradient.report.loss[what]], expected.get(what), what);
      }
      const centres = await trainer.readCentres();
      add('center', centres.centre, expected.get('center'), 'logits');
      add('center2', centres.patchCentre, expected.get('center2'), 'logits');
      for (const { name, values } of network.student.named(gradient.flat)) {
        if (!wanted.has(name)) continue;
        for (const check of compareGradient(name, values, wanted.get(name), limits)) {
          checks.push({ ...check, check: `${variant}.${check.check}` });
        }
      }
      const missing = wanted.names.filter((name) => !network.student.has(name));
      checks.push(atMost(`${variant}: parameters without a counterpart`, missing.length, 0));
      trainer.destroy();
    }
    return checks;
  },
};
