import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/engine/errors';
import { drawMask, maskCapacity, type MaskOptions } from '../../../src/engine/ibot/masks';
import { cosineSchedule, teacherTemperatureSchedule, trainingSchedules } from '../../../src/engine/ibot/schedules';
import { Purpose, Random } from '../../../src/engine/random';

const request: MaskOptions = {
  pred_ratio: [0.3],
  pred_ratio_var: [0.2],
  pred_shape: 'block',
  pred_aspect_ratio: [0.3, 1 / 0.3],
  pred_start_epoch: 2,
  rows: 9,
  columns: 5,
};
const count = (mask: Uint8Array): number => mask.reduce((sum, value) => sum + value, 0);
const stream = (index: number): Random => new Random(5, Purpose.mask, 0, index);

describe('drawMask', () => {
  it('masks nothing before the start epoch and something from it on', () => {
    for (let i = 0; i < 20; i++) {
      expect(count(drawMask(request, stream(i), 1))).toBe(0);
      expect(count(drawMask(request, stream(i), 2))).toBeGreaterThan(0);
    }
  });

  it('gives the same mask for the same key, another for another', () => {
    expect(drawMask(request, stream(1))).toEqual(drawMask(request, stream(1)));
    expect(drawMask(request, stream(1))).not.toEqual(drawMask(request, stream(2)));
  });

  it.each<[Partial<MaskOptions>, number]>([
    [{}, 22],
    [{ pred_ratio: [0, 0.3], pred_ratio_var: [0, 0.2] }, 22],
    [{ pred_ratio: [0.1, 0.6], pred_ratio_var: [0.1] }, 31],
    [{ pred_ratio: [0], pred_ratio_var: [0] }, 0],
    [{ pred_ratio: [1], pred_ratio_var: [0], pred_shape: 'rand' }, 45],
    [{ rows: 1, columns: 1 }, 0],
    [{ rows: 1, columns: 7 }, 3],
    [{ rows: 2, columns: 2, pred_ratio: [1], pred_ratio_var: [0] }, 4],
  ])('never masks more than the capacity: %j', (change, capacity) => {
    const changed = { ...request, ...change };
    expect(maskCapacity(changed)).toBe(capacity);
    for (let i = 0; i < 200; i++) expect(count(drawMask(changed, stream(i)))).toBeLessThanOrEqual(capacity);
  });

  it('scatters exactly the floor of the ratio', () => {
    const scattered: MaskOptions = { ...request, pred_shape: 'rand', pred_ratio_var: [0] };
    for (let i = 0; i < 20; i++) expect(count(drawMask(scattered, stream(i)))).toBe(13);
  });
});

describe('schedules', () => {
  it('refuse a warm-up that is longer than the run', () => {
    expect(() => cosineSchedule({ base: 1, final: 0, epochs: 2, stepsPerEpoch: 5, warmupEpochs: 3 })).toThrow(UserError);
    const temperature = { warmup: 0.04, final: 0.07, epochs: 5, stepsPerEpoch: 5 };
    expect(() => teacherTemperatureSchedule({ ...temperature, warmupEpochs: 6 })).toThrow(UserError);
    expect(() => teacherTemperatureSchedule({ ...temperature, warmupEpochs: 3, startEpoch: 3 })).toThrow(/starts after 3/);
  });

  it('count fractions of epochs in steps', () => {
    const rate = cosineSchedule({ base: 1, final: 0, epochs: 1.5, stepsPerEpoch: 10, warmupEpochs: 0.5 });
    expect([0, 1, 2, 3, 4].map(rate)).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(rate(5)).toBe(1);
    expect(rate(10)).toBeCloseTo(0.5, 12);
    expect(rate(99)).toBe(rate(14));
    const temperature = teacherTemperatureSchedule({ warmup: 0, final: 1, warmupEpochs: 0.3, epochs: 1, stepsPerEpoch: 10 });
    expect([0, 1, 2, 3, 9].map(temperature)).toEqual([0, 0.5, 1, 1, 1]);
  });

  it('make up a run: rate scaled by the batch, momentum towards 1, last layer frozen at first', () => {
    const schedules = trainingSchedules(
      {
        epochs: 4,
        batch_size: 64,
        lr: 0.004,
        min_lr: 0,
        warmup_epochs: 1,
        weight_decay: 0.04,
        weight_decay_end: 0.4,
        momentum_teacher: 0.99,
        freeze_last_layer: 0.5,
        warmup_teacher_temp: 0.02,
        teacher_temp: 0.04,
        warmup_teacher_patch_temp: 0.03,
        teacher_patch_temp: 0.07,
        warmup_teacher_temp_epochs: 2,
        pred_start_epoch: 1,
      },
      8,
    );
    expect(schedules.steps).toBe(32);
    expect(schedules.learningRate(8)).toBeCloseTo(0.001, 12);
    expect(schedules.weightDecay(0)).toBeCloseTo(0.04, 12);
    expect(schedules.momentum(16)).toBeCloseTo(0.995, 12);
    expect([0, 3, 4, 31].map(schedules.lastLayerFrozen)).toEqual([true, true, false, false]);
    expect([0, 8, 16].map(schedules.teacherTemperature)).toEqual([0.02, 0.04, 0.04]);
    expect([0, 8, 16, 24].map(schedules.teacherPatchTemperature)).toEqual([0.03, 0.03, 0.07, 0.07]);
  });
});
