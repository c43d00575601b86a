/** A run as somebody at a terminal sees it: what it says goes by as lines, where it stands is a bar at the bottom. */
import { LAUNCHER, shellWord } from '../launcher';
import type { Baselines, DoneEvent, EpochEvent, RunEvent, StepEvent } from '../runs';
import { headlineKnn } from '../runs';
import { bytes, counted, duration, figure, millions, percent } from './quantities';
import { bar, type Screen } from './screen';

export interface RunView {
  event(event: RunEvent): void;
}

/** One JSON object per line and nothing else, for programs. */
export const jsonView = (write: (line: string) => void): RunView => ({ event: (event) => write(`${JSON.stringify(event)}\n`) });

/** Where there is no terminal, a line about steps comes at most so often. */
const STEP_LINE_SECONDS = 60;

export function screenView(screen: Screen, now: () => number = () => performance.now()): RunView {
  let stepsPerEpoch = 1;
  let steps = 1;
  let knn: number | null = null;
  let baselines: Baselines | undefined;
  let lastLine = now();
  /** Step of the last checkpoint that is known of. */
  let saved: number | undefined;

  const progress = (event: StepEvent): void => {
    const measured = knn === null ? '' : `  k-NN ${percent(knn)}`;
    const speed = `${figure(event.picturesPerSecond)} pictures/s`;
    const epochs = Math.max(1, Math.ceil(steps / stepsPerEpoch));
    const left = event.step < steps ? `  ${duration(event.secondsLeft)} left` : '';
    const place = `epoch ${event.epoch}/${epochs}  step ${event.step}/${steps}`;
    const text = `${place}  loss ${figure(event.loss)}  ${speed}${measured}${left}`;
    if (screen.atTerminal) {
      const width = Math.min(24, screen.columns - text.length - 3);
      screen.show(width >= 6 ? `${bar(event.step / steps, width)} ${text}` : text);
    } else if (now() - lastLine >= STEP_LINE_SECONDS * 1000) {
      lastLine = now();
      screen.say(text);
    }
  };

  return {
    event(event) {
      switch (event.event) {
        case 'start':
          ({ stepsPerEpoch, steps } = event);
          if (event.fromStep > 0) saved = event.fromStep;
          for (const line of describeStart(event)) screen.say(line);
          break;
        case 'preparing':
          screen.show(`${stages[event.stage]} ${bar(event.done / Math.max(1, event.total), 24)} ${event.done} of ${event.total}`);
          break;
        case 'baselines':
          baselines = event;
          for (const line of describeBaselines(event)) screen.say(line);
          break;
        case 'step':
          progress(event);
          break;
        case 'epoch':
          knn = headlineKnn(event.evaluation?.teacher.knn ?? null) ?? knn;
          lastLine = now();
          screen.say(describeEpoch(event));
          break;
        case 'warning':
          screen.say(`Warning: ${event.message}`);
          break;
        case 'note':
          screen.say(event.message);
          break;
        case 'saving':
          screen.show(`Saving ${bytes(event.bytes)}`);
          break;
        case 'checkpoint':
          saved = event.step;
          break;
        case 'done':
          screen.clear();
          for (const line of describeEnd(event, baselines, saved)) screen.say(line);
      }
    },
  };
}

const stages = { tuning: 'Choosing kernels', kernels: 'Making kernels', evaluation: 'Measuring' } as const;

type StartEvent = Extract<RunEvent, { event: 'start' }>;

function describeStart(event: StartEvent): string[] {
  const classes = event.classes > 0 ? ` in ${counted(event.classes, 'class', 'classes')}` : ' without labels';
  const held = event.heldOutPictures.toLocaleString('en-GB');
  const heldOut = event.heldOutPictures > 0 ? `, ${held} more held out to measure on` : '';
  const from = event.fromStep > 0 ? `, going on from step ${event.fromStep}` : '';
  return [
    `Pictures: ${event.trainingPictures.toLocaleString('en-GB')} to train on${heldOut}${classes}`,
    `Model: ${millions(event.parameters)} parameters (student, with head)`,
    `Needs: ${bytes(event.memoryBytes)} of device memory, ${bytes(event.checkpointBytes)} of disk per checkpoint`,
    `Steps: ${event.steps.toLocaleString('en-GB')}, ${event.stepsPerEpoch.toLocaleString('en-GB')} per epoch${from}`,
    `Run: ${event.folder}`,
  ];
}

function describeBaselines({ untrained, pixels }: Baselines): string[] {
  const parts: string[] = [];
  const knn = headlineKnn(untrained.knn);
  const raw = headlineKnn(pixels);
  if (knn !== null) parts.push(`k-NN ${percent(knn)}`);
  if (raw !== null) parts.push(`k-NN of raw pixels ${percent(raw)}`);
  if (untrained.retrieval !== null) parts.push(`view retrieval ${percent(untrained.retrieval)}`);
  if (untrained.rank !== null) parts.push(`feature rank ${figure(untrained.rank)}`);
  return parts.length > 0 ? [`Before any learning: ${parts.join(', ')}`] : [];
}

function describeEpoch(event: EpochEvent): string {
  const parts = [`loss ${figure(event.loss)} (cls ${figure(event.cls)}, patch ${figure(event.patch)})`];
  const teacher = event.evaluation?.teacher;
  const knn = headlineKnn(teacher?.knn ?? null);
  if (knn !== null) parts.push(`k-NN ${percent(knn)}`);
  const student = headlineKnn(event.evaluation?.student?.knn ?? null);
  if (student !== null) parts.push(`k-NN of the student ${percent(student)}`);
  if (teacher && teacher.retrieval !== null) parts.push(`view retrieval ${percent(teacher.retrieval)}`);
  if (teacher && teacher.rank !== null) parts.push(`feature rank ${figure(teacher.rank)}`);
  parts.push(duration(event.seconds));
  return `Epoch ${event.epoch} of ${event.epochs}: ${parts.join(', ')}`;
}

function describeEnd(event: DoneEvent, baselines: Baselines | undefined, saved: number | undefined): string[] {
  const goOn = `${LAUNCHER} resume ${shellWord(event.folder)}`;
  // Why it failed is said by whoever ends the program.
  if (event.state === 'failed') {
    if (saved === undefined) return [];
    return [`The run ended at step ${event.step} of ${event.steps}. To go on from its checkpoint of step ${saved}: ${goOn}`];
  }
  if (event.state === 'stopped' && event.step === 0 && saved === undefined) {
    return ['Stopped before its first step.', `To begin: ${goOn}`];
  }
  if (event.state === 'stopped') {
    const why = event.reason ? ` (${event.reason})` : '';
    return [`Stopped and saved after step ${event.step} of ${event.steps}${why}.`, `To go on: ${goOn}`];
  }
  const lines = [`Done after ${counted(event.steps, 'step')}.`];
  if (event.knn !== null) {
    const beside = [
      [headlineKnn(baselines?.untrained.knn ?? null), 'untrained'],
      [headlineKnn(baselines?.pixels ?? null), 'raw pixels'],
    ].flatMap(([value, name]) => (typeof value === 'number' ? [`${name} ${percent(value)}`] : []));
    const compared = beside.length > 0 ? ` (${beside.join(', ')})` : '';
    const best = event.bestKnn !== null && event.bestKnn > event.knn ? `, best during the run ${percent(event.bestKnn)}` : '';
    lines.push(`k-NN on held-out pictures: ${percent(event.knn)}${compared}${best}`);
  }
  lines.push(`To take the model away: ${LAUNCHER} export ${shellWord(event.folder)} --out DIR`);
  return lines;
}
