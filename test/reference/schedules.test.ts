import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/engine/errors';
import { cosineSchedule, teacherTemperatureSchedule } from '../../src/engine/ibot/schedules';

interface Expected {
  cosine: { arguments: Record<string, number>; values?: number[]; error?: string }[];
  teacher_temperature: {
    arguments: Record<string, number>;
    teacher_temp?: number[];
    teacher_patch_temp?: number[];
    error?: string;
  }[];
}

describe('the case schedules', () => {
  let expected: Expected;
  let tolerance: { rtol: number; atol: number };
  beforeAll(async () => {
    const folder = join(import.meta.dirname, 'schedules');
    expected = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as Expected;
    const reference = JSON.parse(await readFile(join(folder, 'case.json'), 'utf8')) as {
      tolerance: { all: { rtol: number; atol: number } };
    };
    tolerance = reference.tolerance.all;
  });

  const compare = (got: (index: number) => number, want: number[]): void => {
    expect(want.length).toBeGreaterThan(0);
    want.forEach((value, i) => {
      expect(Math.abs(got(i) - value), `value ${i}`).toBeLessThanOrEqual(tolerance.atol + tolerance.rtol * Math.abs(value));
    });
  };

  it('holds for cosine schedules', () => {
    for (const { arguments: given, values } of expected.cosine) {
      const make = (): ((step: number) => number) =>
        cosineSchedule({
          base: given.base_value!,
          final: given.final_value!,
          epochs: given.epochs!,
          stepsPerEpoch: given.niter_per_ep!,
          ...(given.warmup_epochs !== undefined && { warmupEpochs: given.warmup_epochs }),
          ...(given.start_warmup_value !== undefined && { startWarmup: given.start_warmup_value }),
        });
      if (values) compare(make(), values);
      else expect(make).toThrow(UserError);
    }
  });

  it('holds for teacher temperatures', () => {
    const stepsPerEpoch = 3;
    for (const { arguments: given, teacher_temp: cls, teacher_patch_temp: patch } of expected.teacher_temperature) {
      const run = { warmupEpochs: given.warmup_teacher_temp_epochs!, epochs: given.epochs!, stepsPerEpoch };
      const make = (): [(step: number) => number, (step: number) => number] => [
        teacherTemperatureSchedule({ ...run, warmup: given.warmup_teacher_temp!, final: given.teacher_temp! }),
        teacherTemperatureSchedule({
          ...run,
          warmup: given.warmup_teacher_patch_temp!,
          final: given.teacher_patch_temp!,
          startEpoch: given.pred_start_epoch ?? 0,
        }),
      ];
      if (!cls || !patch) {
        expect(make).toThrow(UserError);
        continue;
      }
      for (const step of [0, 1, 2]) {
        compare((epoch) => make()[0](epoch * stepsPerEpoch + step), cls);
        compare((epoch) => make()[1](epoch * stepsPerEpoch + step), patch);
      }
    }
  });
});
