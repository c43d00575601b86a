import { z } from 'zod';
import { UserError } from '../errors';
import { cosineSchedule, teacherTemperatureSchedule } from '../ibot';
import type { Tolerance } from './case';
import { atMost, within, type CaseRunner, type Check } from './check';

const cosineSchema = z.looseObject({
  arguments: z.looseObject({
    base_value: z.number(),
    final_value: z.number(),
    epochs: z.number(),
    niter_per_ep: z.number().int(),
    warmup_epochs: z.number().optional(),
    start_warmup_value: z.number().optional(),
  }),
  values: z.array(z.number()).optional(),
  error: z.string().optional(),
});
const temperatureSchema = z.looseObject({
  arguments: z.looseObject({
    warmup_teacher_temp: z.number(),
    teacher_temp: z.number(),
    warmup_teacher_patch_temp: z.number(),
    teacher_patch_temp: z.number(),
    warmup_teacher_temp_epochs: z.number(),
    epochs: z.number(),
    pred_start_epoch: z.number().default(0),
  }),
  teacher_temp: z.array(z.number()).optional(),
  teacher_patch_temp: z.array(z.number()).optional(),
  error: z.string().optional(),
});
const expectedSchema = z.looseObject({
  cosine: z.array(cosineSchema),
  teacher_temperature: z.array(temperatureSchema),
});

type Schedule = (step: number) => number;

function cosineOf({ arguments: given }: z.infer<typeof cosineSchema>): Schedule {
  return cosineSchedule({
    base: given.base_value,
    final: given.final_value,
    epochs: given.epochs,
    stepsPerEpoch: given.niter_per_ep,
    warmupEpochs: given.warmup_epochs,
    startWarmup: given.start_warmup_value,
  });
}

function temperaturesOf({ arguments: given }: z.infer<typeof temperatureSchema>, stepsPerEpoch: number): [Schedule, Schedule] {
  const run = { warmupEpochs: given.warmup_teacher_temp_epochs, epochs: given.epochs, stepsPerEpoch };
  const patch = { warmup: given.warmup_teacher_patch_temp, final: given.teacher_patch_temp };
  return [
    teacherTemperatureSchedule({ ...run, warmup: given.warmup_teacher_temp, final: given.teacher_temp }),
    teacherTemperatureSchedule({ ...run, ...patch, startEpoch: given.pred_start_epoch }),
  ];
}

/** A set that the original refuses must be refused in words. */
function refused(check: string, make: () => unknown): Check {
  try {
    make();
  } catch (error) {
    return atMost(check, error instanceof UserError ? 0 : 1, 0);
  }
  return atMost(check, 1, 0);
}

function temperatureChecks(name: string, set: z.infer<typeof temperatureSchema>, tolerance: Tolerance): Check[] {
  const { teacher_temp: cls, teacher_patch_temp: patch } = set;
  if (!cls || !patch) return [refused(`${name} refused`, () => temperaturesOf(set, 1))];
  // Temperatures change by epoch: every step of an epoch has the same.
  const stepsPerEpoch = 3;
  const [clsAt, patchAt] = temperaturesOf(set, stepsPerEpoch);
  const steps = (perEpoch: number[]): number[] => perEpoch.flatMap((value) => Array<number>(stepsPerEpoch).fill(value));
  return [
    within(`${name}.teacher_temp`, steps(cls).map((_, i) => clsAt(i)), steps(cls), tolerance),
    within(`${name}.teacher_patch_temp`, steps(patch).map((_, i) => patchAt(i)), steps(patch), tolerance),
  ];
}

export const schedules: CaseRunner = {
  async run({ reference }) {
    const expected = await reference.json('expected.json', expectedSchema);
    const tolerance = reference.tolerance('all');
    const cosine = expected.cosine.map((set, i): Check => {
      const name = `cosine.${i}`;
      if (!set.values) return refused(`${name} refused`, () => cosineOf(set));
      const schedule = cosineOf(set);
      return within(name, set.values.map((_, step) => schedule(step)), set.values, tolerance);
    });
    const temperature = expected.teacher_temperature.flatMap((set, i) => {
      return temperatureChecks(`teacher_temperature.${i}`, set, tolerance);
    });
    return [...cosine, ...temperature];
  },
};
