import { z } from 'zod';
import { UserError } from '../errors';
import { settingsAt, trainingSchedules, type Network, type TrainingSchedules } from '../ibot';
import type { Tensors } from './case';
import { atMost, within, type CaseRunner, type Check } from './check';
import { caseTrainer, imageBatches, trainingSchema } from './training-case';

const variantSchema = trainingSchema.extend({
  steps_per_epoch: z.number().int(),
  warmup_epochs: z.number(),
  lr: z.number(),
  min_lr: z.number(),
  weight_decay: z.number(),
  weight_decay_end: z.number(),
  momentum_teacher: z.number(),
  freeze_last_layer: z.number(),
});
type Variant = z.infer<typeof variantSchema>;

const stepSchema = z.looseObject({
  step: z.number().int(),
  epoch: z.number().int(),
  loss: z.number(),
  cls: z.number(),
  patch: z.number(),
  acc: z.number(),
});
const recordSchema = z.looseObject({
  steps: z.array(stepSchema),
  schedules: z.record(z.string(), z.array(z.number())),
});

const scheduleChecks = (variant: string, schedules: TrainingSchedules, want: Record<string, number[]>, rtol: number): Check[] => {
  const known: Record<string, (step: number) => number> = {
    lr: schedules.learningRate,
    weight_decay: schedules.weightDecay,
    momentum: schedules.momentum,
    teacher_temp: schedules.teacherTemperature,
    teacher_patch_temp: schedules.teacherPatchTemperature,
  };
  return Object.entries(known)
    .filter(([name]) => want[name])
    .map(([name, schedule]) => {
      const values = want[name]!;
      const perStep = values.length === schedules.steps ? 1 : schedules.steps / values.length;
      const got = values.map((_, i) => schedule(i * perStep));
      return within(`${variant}.${name}`, got, values, { atol: 0, rtol });
    });
};

interface Movement {
  parameters: Network['student'];
  /** Flat, before the first step. */
  initial: Float32Array;
  /** Share of the movement that a tensor may be off by. */
  limit: number;
}

/** ‖got − want‖ as a share of ‖want − initial‖, per tensor, leaving out the key part of attn.qkv.bias. */
function movementChecks(prefix: string, { parameters, initial, limit }: Movement, flat: Float32Array, want: Tensors): Check[] {
  const checks: Check[] = [];
  const starts = new Map([...parameters.named(initial)].map(({ name, values }) => [name, values]));
  for (const { name, values } of parameters.named(flat)) {
    const [target, start] = [want.get(name), starts.get(name)!];
    if (target.length !== values.length) throw new UserError(`${name} has ${target.length} values, not ${values.length}.`);
    const third = name.endsWith('attn.qkv.bias') ? values.length / 3 : 0;
    let off = 0;
    let moved = 0;
    for (let i = 0; i < values.length; i++) {
      if (third > 0 && i >= third && i < 2 * third) continue;
      off += (values[i]! - target[i]!) ** 2;
      moved += (target[i]! - start[i]!) ** 2;
    }
    // A tensor that does not move (a frozen weight_g) must not have moved here either.
    const share = moved > 0 ? Math.sqrt(off / moved) : off === 0 ? 0 : Infinity;
    checks.push(atMost(`${prefix}.${name}`, share, limit));
  }
  return checks;
}

/** Share of the movement that a tolerance text such as "<= 0.02 * ||want - initial||" allows. */
function movementLimit(text: unknown): number {
  const match = typeof text === 'string' ? /([\d.]+)\s*\*\s*\|\|/.exec(text) : null;
  return match ? Number(match[1]) : 0.02;
}

export const trainSteps: CaseRunner = {
  async run({ gpu, reference }) {
    const checks: Check[] = [];
    const limit = movementLimit(reference.rawTolerance('final weights'));
    const rtol = reference.tolerance('schedules').rtol;
    for (const variant of Object.keys(reference.config)) {
      const c: Variant = reference.parse(variantSchema, variant);
      const file = (name: string): Promise<Tensors> => reference.tensors(`${variant}.${name}.safetensors`);
      const record = await reference.json(`${variant}.steps.json`, recordSchema);
      const schedules = trainingSchedules({ ...c, batch_size: c.batch, pred_start_epoch: 0 }, c.steps_per_epoch);
      checks.push(...scheduleChecks(variant, schedules, record.schedules, rtol));
      const ifPresent = (name: string): Promise<Tensors | undefined> =>
        reference.tensorsIfPresent(`${variant}.${name}.safetensors`);
      const inputs = await file('inputs');
      const weights = { student: await file('initial.student'), teacher: await ifPresent('initial.teacher') };
      for (const accumulate of c.batch % 2 === 0 ? [1, 2] : [1]) {
        const label = accumulate === 1 ? variant : `${variant}.accumulate${accumulate}`;
        const { trainer, ...initial } = await caseTrainer(gpu, c, weights, accumulate);
        const { network } = trainer;
        const compare = async (name: string, which: 'student' | 'teacher', want: Tensors): Promise<void> => {
          const got = new Float32Array(await trainer.read(network[which].values));
          const measure = { parameters: network[which], initial: initial[which], limit };
          checks.push(...movementChecks(`${label}.${name}.${which}`, measure, got, want));
        };
        const reports = [];
        for (const { step, epoch } of record.steps) {
          const settings = settingsAt(schedules, step);
          await trainer.step({ step, epoch }, settings, imageBatches(c, inputs, `step.${step}.`, accumulate));
          const name = `after_step_${step + 1}`;
          const middle = await ifPresent(`${name}.student`);
          if (middle) {
            reports.push(...(await trainer.finish()));
            await compare(name, 'student', middle);
          }
        }
        reports.push(...(await trainer.finish()));
        for (const [i, want] of record.steps.entries()) {
          const got = reports[i]!;
          for (const what of ['loss', 'cls', 'patch'] as const) {
            const name = `${label}.step${want.step}.${what}`;
            checks.push(within(name, [got.loss[what]], [want[what]], reference.tolerance(what)));
          }
        }
        const centres = await trainer.readCentres();
        const wantCentres = await file('final.loss');
        for (const [name, values] of [['center', centres.centre], ['center2', centres.patchCentre]] as const) {
          const want = wantCentres.find(name);
          if (want) checks.push(within(`${label}.${name}`, values, want, reference.tolerance(name)));
        }
        for (const which of ['student', 'teacher'] as const) await compare('final', which, await file(`final.${which}`));
        trainer.destroy();
      }
    }
    return checks;
  },
};
