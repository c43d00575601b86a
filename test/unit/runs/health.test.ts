import { describe, expect, test } from 'vitest';
import type { StepReport } from '../../../src/engine/ibot';
import { METRIC } from '../../../src/engine/ops';
import { HealthMonitor } from '../../../src/engine/runs';
import { EvaluationSchedule } from '../../../src/engine/runs/evaluation-schedule';
import { EpochProgress } from '../../../src/engine/runs/epoch-progress';
import { SpeedMeter } from '../../../src/engine/runs/step-events';
import { tinyRecipe } from './tiny-run';

// 64 outputs, 8 pictures of 2 large crops; warm-ups of one epoch of 10 steps.
const recipe = tinyRecipe({ epochs: 20 });
const uniform = Math.log(64);

const healthy = {
  ...Object.fromEntries(Object.keys(METRIC).map((name) => [name, 0])),
  loss: 4,
  cls: 2,
  patch: 2,
  teacherEntropy: 2,
  meanTeacherEntropy: 2.5,
  teacherPatchEntropy: 2,
  meanTeacherPatchEntropy: 3,
  accuracy: 0.5,
  maskedRows: 40,
} as StepReport['loss'];

function report(step: number, loss: Partial<StepReport['loss']>): StepReport {
  const settings = {
    learningRate: 0,
    weightDecay: 0,
    momentum: 0,
    teacherTemperature: 0,
    teacherPatchTemperature: 0,
    freezeLastLayer: false,
  };
  const answers = { teacherArgmax: [Uint32Array.of(1, 2, 9, 9)], studentArgmax: [Uint32Array.of(7, 7, 1, 3, 8, 8, 8, 8)] };
  const measured = { loss: { ...healthy, ...loss }, gradientNorm: 1, halted: undefined };
  return { step, epoch: 0, settings, ...measured, ...answers };
}

/** Codes of all warnings, with the step they came at. */
function observe(losses: (step: number) => Partial<StepReport['loss']>, steps = 100, of = recipe): string[] {
  const monitor = new HealthMonitor(of, 10, 200);
  const at = (step: number): string[] => monitor.step(report(step, losses(step))).map(({ code }) => `${step} ${code}`);
  return Array.from({ length: steps }, (_, step) => at(step)).flat();
}

describe('health of a run', () => {
  test('says nothing of a run that learns, whatever its loss', () => {
    expect(observe((step) => ({ loss: 100 + step }))).toEqual([]);
  });

  test('sees uniform outputs once they have lasted after the warm-up, and says it once', () => {
    expect(observe(() => ({ teacherEntropy: 0.99 * uniform }))).toEqual(['19 uniform-teacher']);
    expect(observe(() => ({ teacherEntropy: 0.95 * uniform }))).toEqual([]);
    // It comes and goes: never ten steps at a stretch.
    expect(observe((step) => ({ teacherEntropy: step % 10 === 9 ? 2 : uniform }))).toEqual([]);
  });

  test('sees one output for everything, during the warm-up too', () => {
    expect(observe(() => ({ meanTeacherEntropy: 0.01 }))).toEqual(['9 one-output']);
    expect(observe(() => ({ meanTeacherEntropy: 1 }))).toEqual([]);
  });

  test('expects of the parts of a batch no more outputs than they have pictures', () => {
    const inParts = (accumulate: number, entropy: number): string[] =>
      observe(() => ({ meanTeacherEntropy: entropy, meanTeacherPatchEntropy: 1 }), 20, tinyRecipe({ epochs: 20, accumulate }));
    expect(inParts(1, 0.1)).toEqual(['9 one-output']);
    expect(inParts(4, 0.1)).toEqual([]);
    expect(inParts(4, 0.01)).toEqual(['9 one-output']);
    // Two crops of one picture should have one output.
    expect(inParts(8, 0.01)).toEqual([]);
  });

  test('looks at patches where there are masked ones', () => {
    expect(observe(() => ({ teacherPatchEntropy: uniform }))).toEqual(['19 uniform-teacher']);
    expect(observe(() => ({ meanTeacherPatchEntropy: 0 }))).toEqual(['9 one-output']);
    expect(observe(() => ({ teacherPatchEntropy: 0, meanTeacherPatchEntropy: 0, maskedRows: 0 }))).toEqual([]);
  });

  test('tells again when a sign had gone and comes back', () => {
    const codes = observe((step) => ({ meanTeacherEntropy: step === 50 ? 2 : 0 }));
    expect(codes).toEqual(['9 one-output', '60 one-output']);
  });

  test('sees a rank clearly below that of the untrained network, twice running after the warm-up, and says it once', () => {
    const monitor = new HealthMonitor(recipe, 10, 200);
    const ranks: [step: number, rank: number | null][] = [
      [5, 8],
      [10, 8],
      [20, 12],
      [22, 9.2],
      [24, 9.2],
      [30, 8],
      [40, null],
      [50, 7],
      [60, 6],
    ];
    const told = ranks.filter(([step, rank]) => monitor.rank(step, rank, 10).some(({ code }) => code === 'falling-rank'));
    expect(told).toEqual([[50, 7]]);
    expect(new HealthMonitor(recipe, 10, 200).rank(50, 7, null)).toEqual([]);
  });
});

describe('speed', () => {
  test('counts steps once they are done, not once they are submitted', () => {
    const meter = new SpeedMeter();
    // Two steps are submitted at once; from then on each call waits for one step of 3 s.
    meter.stepTaken(0);
    meter.stepTaken(0);
    expect(meter.secondsPerStep).toBeUndefined();
    meter.stepTaken(3);
    expect(meter.secondsPerStep).toBe(3);
    for (let i = 0; i < 5; i++) meter.stepTaken(3);
    expect(meter.secondsPerStep).toBe(3);
    meter.settled(6);
    meter.stepTaken(0);
    expect(meter.secondsPerStep).toBe(3);
    // The last twenty steps count.
    for (let i = 0; i < 40; i++) meter.stepTaken(5);
    expect(meter.secondsPerStep).toBe(5);
  });
});

describe('when to measure', () => {
  const decide = (schedule: EvaluationSchedule, epoch: number, last = false): boolean => schedule.decide(epoch, last).evaluate;

  test('every epoch while that takes at most a tenth of the time, and at the end', () => {
    const schedule = new EvaluationSchedule(1);
    expect(decide(schedule, 1)).toBe(true);
    schedule.measured(2);
    schedule.addTraining(15);
    expect(schedule.decide(1, false)).toEqual({ evaluate: false, reason: expect.stringMatching(/2\.0 s.*15\.0 s/) });
    expect(decide(schedule, 1, true)).toBe(true);
    schedule.addTraining(15);
    expect(decide(schedule, 2)).toBe(true);
    schedule.measured(2);
    expect(decide(schedule, 3)).toBe(false);
  });

  test('exactly as often as asked, whatever it takes, or never', () => {
    const asked = new EvaluationSchedule(3);
    asked.measured(1000);
    expect([1, 2, 3, 4, 5, 6].map((epoch) => decide(asked, epoch))).toEqual([false, false, true, false, false, true]);
    expect(decide(new EvaluationSchedule(0), 5, true)).toBe(false);
  });
});

describe('what is gathered over an epoch', () => {
  const picture = (label: number) => ({ path: '', size: 0, modified: 0, label, split: 'train' as const });
  const manifest = { root: '', classes: ['a', 'b'], pictures: [picture(0), picture(1), picture(-1), picture(1)] };

  test("compares the teacher's answer to the first crop with the student's to the second", () => {
    const progress = new EpochProgress();
    // Two pictures: the teacher says 1 and 2, the student's second crops give 1 and 3.
    progress.add(report(0, { loss: 3 }), [Uint32Array.of(0, 1)]);
    progress.add(report(1, { loss: 5 }), [Uint32Array.of(2, 3)]);
    expect(progress.summary(manifest)).toMatchObject({ loss: 4, accuracy: 50, nmi: 1 });
  });

  test('goes on from what a checkpoint holds as if nothing had been', () => {
    const whole = new EpochProgress();
    whole.add(report(0, { loss: 0.1 }), [Uint32Array.of(0, 1)]);
    const taken = new EpochProgress(whole.state());
    for (const progress of [whole, taken]) progress.add(report(1, { loss: 0.2 }), [Uint32Array.of(2, 3)]);
    expect(taken.summary(manifest)).toEqual(whole.summary(manifest));
  });
});
