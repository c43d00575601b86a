/** A run's measured values on disk: one line of JSON per step and epoch, and the same as TensorBoard scalars. */
import { stat } from 'node:fs/promises';
import {
  openEventFile,
  openJsonLines,
  truncateEvents,
  truncateJsonLines,
  type EventFile,
  type JsonLinesWriter,
} from '../formats';
import type { NetworkScores } from '../evaluate';
import { closingAll } from './closing-all';
import type { Baselines, EpochEvent, StepEvent } from './events';

export interface MetricFiles {
  metrics: string;
  events: string;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** TensorBoard's records are handed to the system at least so often, and at the end of an epoch. */
const MOST_UNWRITTEN = 100;

export class MetricsLog {
  private unwritten = 0;

  private constructor(
    private readonly lines: JsonLinesWriter,
    private readonly events: EventFile,
  ) {}

  /** Opens both files; what was written after `step` is dropped, as that will be computed again. */
  static async open(files: MetricFiles, step: number): Promise<MetricsLog> {
    if (await exists(files.metrics)) await truncateJsonLines(files.metrics, (value) => stepOf(value) <= step);
    if (await exists(files.events)) await truncateEvents(files.events, step);
    return new MetricsLog(await openJsonLines(files.metrics), await openEventFile(files.events));
  }

  async step(event: StepEvent): Promise<void> {
    this.events.add(event.step, stepScalars(event));
    if (++this.unwritten >= MOST_UNWRITTEN) await this.writeEvents();
    await this.lines.append({ ...event, time: Date.now() / 1000 });
  }

  async epoch(event: EpochEvent): Promise<void> {
    this.events.add(event.step, epochScalars(event));
    await this.writeEvents();
    await this.lines.append({ ...event, time: Date.now() / 1000 });
  }

  async baselines(baselines: Baselines): Promise<void> {
    const { untrained, pixels } = baselines;
    const raw = { 'knn/pixels-k20': pixels?.k20, 'knn/pixels-k10': pixels?.k10 };
    this.events.add(0, present({ ...networkScalars('untrained', untrained), ...raw }));
    await this.writeEvents();
    await this.lines.append({ event: 'baselines', step: 0, ...baselines, time: Date.now() / 1000 });
  }

  /** Makes both files durable as far as they are. */
  async flush(): Promise<void> {
    this.unwritten = 0;
    await this.events.flush();
    await this.lines.flush();
  }

  close(): Promise<void> {
    return closingAll([this.lines, this.events], () => Promise.resolve());
  }

  /** Not durable yet, but there for TensorBoard, and after this process is gone. */
  private writeEvents(): Promise<void> {
    this.unwritten = 0;
    return this.events.write();
  }
}

const stepOf = (value: unknown): number =>
  typeof value === 'object' && value !== null && 'step' in value && typeof value.step === 'number' ? value.step : Infinity;

function stepScalars(event: StepEvent): Record<string, number> {
  return {
    'train/loss': event.loss,
    'train/cls': event.cls,
    'train/patch': event.patch,
    'train/koleo': event.koleo,
    'train/learning-rate': event.learningRate,
    'train/weight-decay': event.weightDecay,
    'train/teacher-momentum': event.momentum,
    'train/teacher-temperature': event.teacherTemperature,
    'train/teacher-patch-temperature': event.teacherPatchTemperature,
    'train/gradient-norm': event.gradientNorm,
    'teacher/entropy': event.teacherEntropy,
    'teacher/entropy-of-mean': event.meanTeacherEntropy,
    'teacher/patch-entropy': event.teacherPatchEntropy,
    'teacher/patch-entropy-of-mean': event.meanTeacherPatchEntropy,
    'speed/pictures-per-second': event.picturesPerSecond,
    'speed/memory-bytes': event.memoryBytes,
  };
}

function networkScalars(network: string, { knn, retrieval, rank }: NetworkScores): Record<string, number | null | undefined> {
  return {
    [`knn/${network}-k10`]: knn?.k10,
    [`knn/${network}-k20`]: knn?.k20,
    [`knn/${network}-k100`]: knn?.k100,
    [`knn/${network}-k200`]: knn?.k200,
    [`retrieval/${network}`]: retrieval,
    [`rank/${network}`]: rank,
  };
}

function epochScalars(event: EpochEvent): Record<string, number> {
  const { evaluation } = event;
  return present({
    'epoch/loss': event.loss,
    'epoch/cls': event.cls,
    'epoch/patch': event.patch,
    'epoch/teacher-entropy': event.teacherEntropy,
    'epoch/entropy-of-mean': event.meanTeacherEntropy,
    'epoch/accuracy': event.accuracy,
    'epoch/nmi': event.nmi,
    'epoch/ari': event.ari,
    'epoch/fscore': event.fscore,
    ...(evaluation && networkScalars('teacher', evaluation.teacher)),
    ...(evaluation?.student && networkScalars('student', evaluation.student)),
  });
}

const present = (values: Record<string, number | null | undefined>): Record<string, number> =>
  Object.fromEntries(Object.entries(values).filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
