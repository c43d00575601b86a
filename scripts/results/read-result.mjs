/** The numbers of one experiment, out of the files kept in docs/results/NAME. What was not measured is null. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const METRICS = ['metrics.jsonl', 'metrics.jsonl.gz'];
const KEPT = ['run.json', 'experiment.json', 'baselines.json', ...METRICS];

/** @returns undefined where nothing is kept */
export function readResult(folder) {
  if (!existsSync(join(folder, 'run.json'))) return undefined;
  const read = (name) => (existsSync(join(folder, name)) ? JSON.parse(readFileSync(join(folder, name), 'utf8')) : undefined);
  const run = read('run.json');
  const notes = read('experiment.json') ?? {};
  const events = readMetrics(folder);
  const steps = events.filter(({ event }) => event === 'step');
  const epochs = events.filter(({ event }) => event === 'epoch');
  const baselines = read('baselines.json') ?? events.find(({ event }) => event === 'baselines') ?? null;
  const measured = epochs.filter(({ evaluation }) => evaluation);
  const { stepsPerEpoch } = run.sizes;
  const done = steps.at(-1)?.step ?? run.step;
  return {
    run,
    notes,
    files: KEPT.filter((name) => existsSync(join(folder, name))),
    untrained: baselines?.untrained ?? null,
    pixels: baselines?.pixels ?? null,
    /** Of the last epoch that was measured. */
    teacher: measured.at(-1)?.evaluation.teacher ?? null,
    teacherEpoch: measured.at(-1)?.epoch ?? null,
    best: best(measured),
    /** Where training took longer than was asked for: what was last measured within that time. */
    inTime: inTime(measured, notes.hours),
    majority: majority(notes.classSizes),
    steps: done,
    picturesSeen: done * run.recipe.batch_size,
    picturesPerSecond: median(steps.map((step) => step.picturesPerSecond).filter((speed) => speed > 0)),
    hours: hoursOf(notes.sessions),
    finalLoss: epochs.at(-1)?.loss ?? null,
    teacherEntropy: epochs.at(-1)?.teacherEntropy ?? null,
    curve: {
      epochs: run.sizes.steps / stepsPerEpoch,
      knn: knnCurve(baselines, measured, stepsPerEpoch),
      loss: steps.map(({ step, loss }) => ({ epoch: step / stepsPerEpoch, value: loss })),
    },
  };
}

/** The one number for a set of k-NN scores, as the program shows it. */
export const headline = (scores) => scores?.k20 ?? scores?.k10 ?? null;

function readMetrics(folder) {
  for (const file of METRICS) {
    if (!existsSync(join(folder, file))) continue;
    const bytes = readFileSync(join(folder, file));
    const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
    return text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }
  return [];
}

function best(measured) {
  const scored = measured.map(({ epoch, evaluation }) => ({ epoch, value: headline(evaluation.teacher.knn) }));
  return scored.filter(({ value }) => value !== null).reduce((a, b) => (a && a.value >= b.value ? a : b), null);
}

function inTime(measured, hours) {
  if (!(measured.at(-1)?.elapsed > hours * 3600)) return null;
  const last = measured.findLast(({ elapsed }) => elapsed <= hours * 3600);
  return last ? { epoch: last.epoch, value: headline(last.evaluation.teacher.knn) } : null;
}

/** Percent right for somebody who always names the most frequent class of the held-out pictures. */
function majority(sizes) {
  const counts = Object.values(sizes ?? {});
  return counts.length === 0 ? null : (100 * Math.max(...counts)) / counts.reduce((a, b) => a + b);
}

/** The teacher starts as the untrained network: its score is the point at epoch 0. */
function knnCurve(baselines, measured, stepsPerEpoch) {
  const first = { epoch: 0, value: headline(baselines?.untrained.knn) };
  const later = measured.map(({ step, evaluation }) => {
    return { epoch: step / stepsPerEpoch, value: headline(evaluation.teacher.knn) };
  });
  return [first, ...later].filter(({ value }) => value !== null);
}

/** Wall time of all sessions, measuring and making kernels included. */
function hoursOf(sessions) {
  if (!sessions?.length) return null;
  return sessions.reduce((sum, { started, ended }) => sum + (ended - started), 0) / 3600;
}

function median(values) {
  if (values.length === 0) return null;
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
