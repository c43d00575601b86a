import { z } from 'zod';
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

/** ‖got − want‖ as a share of ‖want − initial‖, per tensor, leaving out the key part of attn.qkv.bias. */
function movement(prefix: string, network: Network['student'], flat: Float32Array, want: Tensors, initial: Tensors, limit: number): Check[] {
  const checks: Check[] = [];
  for (const { name, values } of network.named(flat)) {
    const [target, start] = [want.get(name), initial.get(name)];
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
    for (const [variant, raw] of Object.entries(reference.config)) {
      const c: Variant = variantSchema.parse(raw);
      const file = (name: string): Promise<Tensors> => reference.tensors(`${variant}.${name}.safetensors`);
      const record = await reference.json(`${variant}.steps.json`, recordSchema);
      const schedules = trainingSchedules({ ...c, batch_size: c.batch, pred_start_epoch: 0 }, c.steps_per_epoch);
      checks.push(...scheduleChecks(variant, schedules, record.schedules, rtol));
      const [inputs, student, teacher] = [await file('inputs'), await file('initial.student'), await file('initial.teacher')];
      for (const accumulate of c.batch % 2 === 0 ? [1, 2] : [1]) {
        const label = accumulate === 1 ? variant : `${variant}.accumulate${accumulate}`;
        const trainer = await caseTrainer(gpu, c, student, teacher, accumulate);
        const { network } = trainer;
        const reports = [];
        for (const { step, epoch } of record.steps) {
          const settings = settingsAt(schedules, step);
          await trainer.step({ step, epoch }, settings, imageBatches(c, inputs, `step.${step}.`, accumulate));
          const name = `after_step_${step + 1}`;
          const middle = await file(`${name}.student`).catch(() => undefined);
          if (middle) {
            reports.push(...(await trainer.finish()));
            const flat = new Float32Array(await trainer.read(network.student.values));
            checks.push(...movement(`${label}.${name}`, network.student, flat, middle, student, limit));
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
          if (wantCentres.has(name)) checks.push(within(`${label}.${name}`, values, wantCentres.get(name), reference.tolerance(name)));
        }
        const finalStudent = new Float32Array(await trainer.read(network.student.values));
        const finalTeacher = new Float32Array(await trainer.read(network.teacher.values));
        checks.push(...movement(`${label}.final.student`, network.student, finalStudent, await file('final.student'), student, limit));
        checks.push(...movement(`${label}.final.teacher`, network.teacher, finalTeacher, await file('final.teacher'), teacher, limit));
        trainer.destroy();
      }
    }
    return checks;
  },
};
