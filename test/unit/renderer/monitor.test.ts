import { describe, expect, test } from 'vitest';
import { epochLine, marksOf, plannedLine, scoreChart, stepLine } from '../../../src/renderer/curves/chart-lines';
import type { Measured } from '../../../src/renderer/curves/measured';
import { converted } from '../../../src/renderer/curves/places';
import { valuesTable } from '../../../src/renderer/views/monitor/values-file';

/** Ten steps to an epoch; each step takes two seconds, and after step 20 measuring took a minute. */
const steps = Float64Array.of(10, 20, 21, 30);
const places = { steps, epochs: steps.map((step) => step / 10), seconds: Float64Array.of(20, 40, 102, 120) };

const scores = { knn: { k10: 41, k20: 43, k100: null, k200: null }, retrieval: 12, rank: 30 };
const measured = (unit: Measured['unit'], labels = true): Measured => ({
  unit,
  steps: {
    ...places,
    stepsPerBucket: 10,
    lastStep: 30,
    series: { loss: { minimum: Float32Array.of(5, 4, 3, 2), maximum: Float32Array.of(9, 8, 7, 6), mean: Float32Array.of(7, 6, 5, 4) } },
  },
  epochs: {
    steps: Float64Array.of(10, 20),
    epochs: Float64Array.of(1, 2),
    seconds: Float64Array.of(20, 100),
    series: { knn: Float32Array.of(NaN, 50), retrieval: Float32Array.of(20, 30), nmi: Float32Array.of(0.25, 0.5) },
  },
  frame: {
    steps: 100,
    stepsPerEpoch: 10,
    epochs: 10,
    schedules: {
      steps: Float32Array.of(0, 99),
      learningRate: Float32Array.of(0.1, 0),
      weightDecay: Float32Array.of(0, 1),
      momentum: Float32Array.of(0.9, 1),
      teacherTemperature: Float32Array.of(0.04, 0.07),
      teacherPatchTemperature: Float32Array.of(0.04, 0.07),
    },
    studentTemperature: 0.1,
    marks: [
      { step: 20, label: 'teacher temperature warm-up ends' },
      { step: 50, label: 'learning rate warm-up ends' },
    ],
    guessing: { loss: 13.8, cls: 6.9, patch: 6.9 },
    clip: 3,
    embedDim: 64,
    baselines: { untrained: scores, knnPixels: 35 },
    neighbours: labels ? 20 : null,
    heldOutPictures: 1820,
    labels,
    lossRemark: '',
  },
});

describe('places on the x axis', () => {
  test('are the same moment in every unit', () => {
    expect(converted(places, 15, 'step', 'second')).toBe(30);
    expect(converted(places, 20.5, 'step', 'second')).toBe(71);
    expect(converted(places, 71, 'second', 'epoch')).toBeCloseTo(2.05);
    expect(converted(places, 5, 'step', 'epoch')).toBe(0.5);
    expect(converted(places, 7, 'epoch', 'epoch')).toBe(7);
  });
  test('go on beyond what was measured as it went last', () => {
    expect(converted(places, 39, 'step', 'second')).toBe(138);
    expect(converted({ steps: Float64Array.of(), epochs: Float64Array.of(), seconds: Float64Array.of() }, 4, 'step', 'epoch')).toBe(0);
  });
});

describe('lines of the charts', () => {
  test('of steps carry their bounds where they stand for several', () => {
    const line = stepLine(measured('second'), 'loss', 'total');
    expect([...Array.from(line.x)]).toEqual([20, 40, 102, 120]);
    expect(line.band).toEqual({ low: Float32Array.of(5, 4, 3, 2), high: Float32Array.of(9, 8, 7, 6) });
    const exact = measured('step');
    exact.steps = { ...exact.steps!, stepsPerBucket: 1 };
    expect(stepLine(exact, 'loss', 'total').band).toBeUndefined();
    expect(stepLine(exact, 'patch', 'patch').y).toEqual([]);
  });
  test('of epochs begin with what was there before any learning', () => {
    const line = epochLine(measured('step'), 'knn', 'teacher', 'red', { first: 43 });
    expect([...Array.from(line.x)]).toEqual([0, 10, 20]);
    expect([...Array.from(line.y)]).toEqual([43, NaN, 50]);
  });
  test('of what is planned reach to the end, but not in time', () => {
    expect([...Array.from(plannedLine(measured('epoch'), [1, 2])[0]!.x)]).toEqual([0.1, 10]);
    expect(plannedLine(measured('second'), [1, 2])).toEqual([]);
  });
  test('have moments beside them, in time only those that have come', () => {
    expect(marksOf(measured('epoch'), () => true).map(({ x }) => x)).toEqual([2, 5]);
    expect(marksOf(measured('second'), () => true)).toEqual([{ x: 40, label: 'teacher temperature warm-up ends' }]);
    expect(marksOf(measured('step'), (label) => label.startsWith('learning'))).toEqual([{ x: 50, label: 'learning rate warm-up ends' }]);
  });
  test('show k-NN against what needs no learning, without labels view retrieval', () => {
    const labelled = scoreChart(measured('epoch'));
    expect(labelled.title).toBe('k-NN accuracy');
    expect(labelled.references.map(({ y, label }) => [y, label])).toEqual([[43, 'untrained network 43.0%'], [35, 'raw pixels 35.0%']]);
    expect(labelled.remark).toBe('20 neighbours, 1,820 held out');
    const without = scoreChart(measured('epoch', false));
    expect(without.title).toBe('View retrieval');
    expect([...Array.from(without.lines[0]!.y)]).toEqual([12, 20, 30]);
    expect(without.references).toEqual([{ y: 12, label: 'untrained network 12.0%' }]);
  });
});

describe('values for other programs', () => {
  test('are those of the part that is shown, with bounds where a point stands for several steps', () => {
    const { steps: all } = measured('step');
    expect(valuesTable(all!, { from: 20, to: 21 }).split('\n')).toEqual([
      'step,epoch,seconds,loss,loss least,loss greatest',
      '20,2,40,6,4,8',
      '21,2.1,102,5,3,7',
      '',
    ]);
    const exact = { ...all!, stepsPerBucket: 1, series: { loss: { ...all!.series.loss!, mean: Float32Array.of(0.1, NaN, 5, 4) } } };
    expect(valuesTable(exact, { from: 0, to: 20 })).toBe('step,epoch,seconds,loss\n10,1,20,0.1\n20,2,40,\n');
  });
});
