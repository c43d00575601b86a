/**
 * Clipping, AdamW and the teacher's average over all parameters in three dispatches (design: "Parameters"): sums of
 * squares, the decision, the update. Student, gradient and both moments are flat f32 buffers of one layout; the teacher
 * has its own offsets. Buffers beyond the binding limit are walked in windows, one dispatch of the first and the last
 * kind for each.
 */
import { spread, type Allocation, type Dispatch, type Graph, type OpDefinition, type Tensor } from '../graph';
import {
  decideKernel,
  ENTRY_WORDS,
  FLAG,
  JOB_WORDS,
  NO_TEACHER,
  squaresKernel,
  STATE_LENGTH,
  STEP_METRICS_LENGTH,
  STEP_SCALARS_LENGTH,
  updateKernel,
} from './optimiser-kernels';

export { NO_ENTRY, STATE, STATE_LENGTH, STEP_METRIC, STEP_METRICS_LENGTH, STEP_SCALARS_LENGTH } from './optimiser-kernels';

/** One parameter in the flat buffers. Offsets and lengths in floats; offsets are multiples of 64 (256 bytes). */
export interface OptimiserEntry {
  name: string;
  offset: number;
  length: number;
  /** Has weight decay. */
  decayed: boolean;
  /** Gets no update while the last layer is frozen. */
  lastLayer: boolean;
  /** Has a gradient. One without still leads the teacher (`weight_g`). */
  trainable: boolean;
  /** Place in the flat teacher buffer that follows it, if any. */
  teacherOffset: number | undefined;
}

export interface OptimiserBuffers {
  student: Allocation;
  gradient: Allocation;
  /** Adam's first and second moment. */
  first: Allocation;
  second: Allocation;
  /** Without one, no entry may have a teacherOffset. */
  teacher?: Allocation;
}

/** The values that change from step to step. */
export interface OptimiserScalars {
  lr: number;
  weightDecay: number;
  teacherMomentum: number;
  /** Each parameter's gradient is scaled to at most this norm; 0: off. */
  clip: number;
  freezeLastLayer: boolean;
  /** Number of the step, for the diagnosis after a halt. */
  step: number;
  beta1?: number;
  beta2?: number;
  eps?: number;
}

/** For the scalars tensor [STEP_SCALARS_LENGTH]. AdamW's betas and epsilon are PyTorch's defaults unless given. */
export function encodeOptimiserScalars(scalars: OptimiserScalars): Float32Array {
  const { lr, weightDecay, teacherMomentum, clip, freezeLastLayer, step, beta1 = 0.9, beta2 = 0.999, eps = 1e-8 } = scalars;
  return new Float32Array([
    lr,
    weightDecay,
    teacherMomentum,
    1 - teacherMomentum,
    clip,
    freezeLastLayer ? 1 : 0,
    beta1,
    1 - beta1,
    beta2,
    1 - beta2,
    eps,
    step,
  ]);
}

/** Floats per job; longer ones where a parameter would have more than 256 of them, as one thread adds up their sums. */
const JOB_FLOATS = 8192;
const MOST_JOBS = 256;
const ALIGNMENT = 64;

interface Job {
  entry: number;
  offset: number;
  length: number;
  teacher: number | undefined;
  flags: number;
  partial: number;
}

interface Range {
  from: number;
  to: number;
}

/** Consecutive jobs whose ranges of the buffers fit one binding. */
interface Window {
  firstJob: number;
  jobs: number;
  student: Range;
  teacher: Range | undefined;
}

const alignUp = (n: number, to: number): number => Math.ceil(n / to) * to;

function jobsOf(entries: readonly OptimiserEntry[], most: number): { jobs: Job[]; entryWords: Uint32Array } {
  const jobs: Job[] = [];
  const entryWords = new Uint32Array(entries.length * ENTRY_WORDS);
  entries.forEach(({ offset, length, decayed, lastLayer, trainable, teacherOffset }, entry) => {
    const flags = (decayed ? FLAG.decayed : 0) | (lastLayer ? FLAG.lastLayer : 0) | (trainable ? FLAG.trainable : 0);
    const begin = jobs.length;
    const piece = Math.min(most, Math.max(JOB_FLOATS, alignUp(Math.ceil(length / MOST_JOBS), ALIGNMENT)));
    if (trainable || teacherOffset !== undefined) {
      for (let from = 0; from < length; from += piece) {
        const teacher = teacherOffset === undefined ? undefined : teacherOffset + from;
        jobs.push({ entry, offset: offset + from, length: Math.min(piece, length - from), teacher, flags, partial: jobs.length });
      }
    }
    entryWords.set([begin, jobs.length - begin, flags], entry * ENTRY_WORDS);
  });
  return { jobs, entryWords };
}

/** Cuts jobs, in the order of their offsets, into windows of at most `most` floats in the student and in the teacher. */
function windowsOf(jobs: readonly Job[], most: number): Window[] {
  const windows: Window[] = [];
  const join = (a: Range | undefined, from: number | undefined, length: number): Range | undefined => {
    if (from === undefined) return a;
    const to = from + alignUp(length, 4);
    return a ? { from: Math.min(a.from, from), to: Math.max(a.to, to) } : { from, to };
  };
  const fits = (range: Range | undefined): boolean => !range || range.to - range.from <= most;
  jobs.forEach((job, i) => {
    const current = windows[windows.length - 1];
    const student = join(current?.student, job.offset, job.length)!;
    const teacher = join(current?.teacher, job.teacher, job.length);
    if (current && fits(student) && fits(teacher)) Object.assign(current, { jobs: current.jobs + 1, student, teacher });
    else {
      const fresh = { student: join(undefined, job.offset, job.length)!, teacher: join(undefined, job.teacher, job.length) };
      windows.push({ firstJob: i, jobs: 1, ...fresh });
    }
  });
  return windows;
}

interface OptimiserAttributes {
  /** With the tensors of its ranges. */
  windows: (Window & { tensors: { student: Tensor; gradient: Tensor; first: Tensor; second: Tensor; teacher?: Tensor } })[];
  partials: number;
}

export const optimiserOp: OpDefinition<OptimiserAttributes> = {
  name: 'optimiser',
  outputs: () => [],
  lower: ({ inputs, attributes: { windows, partials } }, lowering) => {
    const [jobs, entries, counters, scalars, state, loss, metrics] = inputs as Tensor[];
    const width = lowering.gpu.info.software ? 64 : 256;
    const sums = lowering.scratch([Math.max(1, partials), 2]);
    const coefficients = lowering.scratch([counters!.rows, 4]);
    const sized = ({ firstJob, jobs }: Window): Pick<Dispatch, 'params' | 'workgroups'> => ({
      params: { firstJob, jobs },
      workgroups: spread(jobs),
    });
    return [
      ...windows.map((window) => ({
        kernel: squaresKernel(width),
        tensors: [jobs!, window.tensors.gradient, sums],
        ...sized(window),
      })),
      {
        kernel: decideKernel(width, loss!.size),
        tensors: [entries!, sums, counters!, coefficients, scalars!, state!, loss!, metrics!],
        params: { entries: counters!.rows },
        workgroups: [1, 1, 1] as const,
      },
      ...windows.map(({ tensors: { student, gradient, first, second, teacher }, ...window }) => ({
        kernel: updateKernel(width, teacher !== undefined),
        tensors: [jobs!, coefficients, scalars!, student, gradient, first, second, ...(teacher ? [teacher] : [])],
        ...sized(window),
      })),
    ];
  },
};

export interface OptimiserOptions {
  entries: readonly OptimiserEntry[];
  buffers: OptimiserBuffers;
  /** f32 [entries, 4], zeros at first, part of a checkpoint: Adam's step count, 1 − β1^t, 1 − β2^t, last gradient norm. */
  counters: Tensor;
  /** f32 [STEP_SCALARS_LENGTH], see `encodeOptimiserScalars`. */
  scalars: Tensor;
  /** u32 [STATE_LENGTH], zeros at first, see STATE. */
  state: Tensor;
  /** f32 [n]: the losses' metrics, summed over the micro-batches. A non-finite value halts. Zero after the step. */
  lossMetrics: Tensor;
  /** f32 [n + STEP_METRICS_LENGTH]: receives the loss metrics and the optimiser's own (see STEP_METRIC) behind them. */
  metrics: Tensor;
  /** The device's maxStorageBufferBindingSize. */
  windowBytes: number;
}

/**
 * Adds the step to the graph. Non-finite gradients (frozen ones too) or losses halt: from then on nothing changes but
 * that gradients and loss metrics are cleared, so that the step can be run again from its unchanged state.
 * @returns tables to be uploaded once before the first run
 * @throws Error where the layout does not fit the buffers
 */
export function optimiser(graph: Graph, options: OptimiserOptions): { tables: [Tensor, Uint32Array][] } {
  const { entries, buffers, counters, scalars, state, lossMetrics, metrics, windowBytes } = options;
  const need = (ok: boolean, what: string): void => {
    if (!ok) throw new Error(`optimiser: ${what}`);
  };
  const most = Math.floor(windowBytes / 4 / ALIGNMENT) * ALIGNMENT;
  need(most >= ALIGNMENT, `windows of ${windowBytes} bytes are too small`);
  need(counters.rows === entries.length && counters.columns === 4, `counters ${counters.shape} for ${entries.length} entries`);
  need(scalars.size >= STEP_SCALARS_LENGTH && state.size >= STATE_LENGTH, 'scalars or state are too short');
  need(metrics.size >= lossMetrics.size + STEP_METRICS_LENGTH, 'metrics are too short');
  const sorted = entries.map((_, i) => i).sort((a, b) => entries[a]!.offset - entries[b]!.offset);
  let reached = 0;
  for (const { name, offset, length, teacherOffset } of sorted.map((i) => entries[i]!)) {
    const end = alignUp(offset + length, 4) * 4;
    need(offset % ALIGNMENT === 0 && offset >= reached && length > 0, `${name} overlaps or is not aligned`);
    for (const flat of [buffers.student, buffers.gradient, buffers.first, buffers.second]) {
      need(end <= flat.bytes, `${name} reaches past ${flat.label}`);
    }
    if (teacherOffset !== undefined) {
      const inside = buffers.teacher && alignUp(teacherOffset + length, 4) * 4 <= buffers.teacher.bytes;
      need(teacherOffset % ALIGNMENT === 0 && inside === true, `${name} has no aligned place in the teacher`);
    }
    reached = offset + length;
  }

  const { jobs: all, entryWords } = jobsOf(entries, most);
  all.sort((a, b) => a.offset - b.offset);
  const windows = windowsOf(all, most);
  const jobWords = new Uint32Array(Math.max(1, all.length) * JOB_WORDS);
  for (const { firstJob, jobs, student, teacher } of windows) {
    for (let i = firstJob; i < firstJob + jobs; i++) {
      const job = all[i]!;
      const place = job.teacher === undefined ? NO_TEACHER : (job.teacher - teacher!.from) / 4;
      jobWords.set([job.entry, (job.offset - student.from) / 4, job.length, place, job.flags, job.partial], i * JOB_WORDS);
    }
  }
  const part = (allocation: Allocation, { from, to }: Range): Tensor =>
    graph.state(`${allocation.label}[${from}]`, [to - from], allocation, from * 4);
  const jobs = graph.input('optimiser.jobs', [jobWords.length], 'u32');
  const table = graph.input('optimiser.entries', [entryWords.length], 'u32');
  graph.add(optimiserOp, [jobs, table, counters, scalars, state, lossMetrics, metrics], {
    windows: windows.map((window) => ({
      ...window,
      tensors: {
        student: part(buffers.student, window.student),
        gradient: part(buffers.gradient, window.student),
        first: part(buffers.first, window.student),
        second: part(buffers.second, window.student),
        teacher: window.teacher && part(buffers.teacher!, window.teacher),
      },
    })),
    partials: all.length,
  });
  return {
    tables: [
      [jobs, jobWords],
      [table, entryWords],
    ],
  };
}
