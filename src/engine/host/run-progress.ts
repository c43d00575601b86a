/** Where a run stands, and what stands still in its charts. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { epochsToSteps, trainingSchedules } from '../ibot';
import { listCheckpoints } from '../runs';
import type { Result, RunProgress } from '../protocol';
import { baselinesOf, guessingOf } from './run-detail';
import type { RunDesk } from './run-desk';
import type { RunEntry } from './run-entry';
import { finite } from './run-summary';

/** @param waited share of the time in which a run of another process waited for pictures */
export async function progressOf(desk: RunDesk, entry: RunEntry, waited: number | null): Promise<RunProgress> {
  const summary = desk.summary(entry);
  const live = desk.live?.folder === entry.folder ? desk.live : undefined;
  const { state, run, steps, foreign } = summary;
  const { stepsPerEpoch } = entry.record!.sizes;
  const last = live?.step ?? entry.step;
  const isGoing = state === 'running' || state === 'paused';
  const step = live && !live.step ? live.fromStep : (last?.step ?? summary.step);
  const saved = await lastSaved(entry);
  const left = !isGoing || step >= steps ? null : live ? live.secondsLeft(steps) : finite(last?.secondsLeft);
  return {
    run,
    state,
    stage: live?.stage ?? STAGES[state] ?? 'over',
    asked: live ? (desk.queue.going?.control.asked ?? null) : null,
    prepared: live?.prepared ?? null,
    step,
    steps,
    epoch: Math.min(Math.ceil(steps / stepsPerEpoch), Math.floor(step / stepsPerEpoch) + 1),
    epochs: summary.epochs,
    secondsLeft: left,
    endsAt: left === null || state !== 'running' ? null : Date.now() + left * 1000,
    secondsSoFar: Math.max(0, live?.step?.elapsed ?? summary.seconds),
    picturesPerSecond: isGoing ? finite(last?.picturesPerSecond) : null,
    memoryBytes: finite(live?.memoryBytes ?? entry.record!.sizes.memoryBytes),
    loss: finite(last?.loss),
    knn: summary.knn,
    untrainedKnn: summary.untrainedKnn,
    waitingForData: isGoing ? (live?.waitingForData ?? waited) : null,
    savedStep: saved?.step ?? null,
    savedAt: saved?.at ?? null,
    controllable: isGoing && !foreign && (live !== undefined || state === 'paused'),
    reason: summary.reason,
  };
}

const STAGES: Partial<Record<RunProgress['state'], RunProgress['stage']>> = { queued: 'waiting', running: 'training', paused: 'training' };

async function lastSaved({ folder }: RunEntry): Promise<{ step: number; at: number } | undefined> {
  const [newest] = await listCheckpoints(join(folder, 'checkpoints')).catch(() => []);
  const state = newest && (await stat(newest.path).catch(() => undefined));
  return newest && state ? { step: newest.step, at: state.mtimeMs } : undefined;
}

export async function frameOf(entry: RunEntry, points: number): Promise<Result<'monitor.frame'>> {
  const { recipe, sizes, data, state } = entry.record!;
  const { stepsPerEpoch, steps } = sizes;
  const plan = trainingSchedules(recipe, stepsPerEpoch);
  const places = Float32Array.from({ length: points }, (_, i) => Math.round((Math.max(0, steps - 1) * i) / (points - 1)));
  const course = (schedule: (step: number) => number): Float32Array => places.map((step) => schedule(step));
  const marks: { step: number; label: string }[] = [];
  const mark = (epochs: number, label: string): void => {
    const step = epochsToSteps(epochs, stepsPerEpoch);
    if (step > 0 && step < steps) marks.push({ step, label });
  };
  mark(recipe.warmup_epochs, 'learning rate warm-up ends');
  mark(recipe.warmup_teacher_temp_epochs, 'teacher temperature warm-up ends');
  mark(recipe.freeze_last_layer, 'last layer begins to learn');
  mark(recipe.pred_start_epoch, 'patches are masked from here');
  if (state === 'failed') {
    const saved = await lastSaved(entry);
    if (saved) marks.push({ step: saved.step, label: 'last sound checkpoint' });
  }
  const baselines = baselinesOf(entry);
  const labels = data.classes > 0;
  const knn = baselines?.untrained.knn;
  const neighbours = knn ? (knn.k20 !== null ? 20 : 10) : data.trainingPictures >= 20 ? 20 : 10;
  return {
    steps,
    stepsPerEpoch,
    epochs: steps / stepsPerEpoch,
    schedules: {
      steps: places,
      learningRate: course(plan.learningRate),
      weightDecay: course(plan.weightDecay),
      momentum: course(plan.momentum),
      teacherTemperature: course(plan.teacherTemperature),
      teacherPatchTemperature: course(plan.teacherPatchTemperature),
    },
    studentTemperature: recipe.student_temp,
    marks: marks.sort((a, b) => a.step - b.step),
    guessing: guessingOf(recipe),
    clip: recipe.clip_grad,
    embedDim: recipe.embed_dim,
    baselines: baselines && { untrained: baselines.untrained, knnPixels: baselines.pixels?.k20 ?? baselines.pixels?.k10 ?? null },
    neighbours: labels ? neighbours : null,
    heldOutPictures: data.heldOutPictures,
    labels,
    lossRemark:
      'The loss may rise and fall while features get better, since the teacher sharpens its targets as it learns: ' +
      `what tells is ${labels ? 'k-NN' : 'view retrieval'} and the rank of the features.`,
  };
}
