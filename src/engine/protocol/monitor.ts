/**
 * Watching a run: progress, curves at any length, pictures through time, the log. Works for runs that are over, and for those
 * that the command line trains in another process.
 */
import { z } from 'zod';
import { runState, networkScores } from './runs';
import { schedules } from './recipes';
import {
  bytes,
  count,
  datasetId,
  float32Array,
  float64Array,
  image,
  measured,
  patchMap,
  pictureId,
  runName,
  seconds,
  share,
  slice,
  time,
} from './values';

/** Measured at each step; units as `StepEvent` in runs/events.ts (losses and entropies in nats, memory in bytes). */
export const stepSeries = z.enum([
  'loss',
  'cls',
  'patch',
  'koleo',
  'learningRate',
  'weightDecay',
  'momentum',
  'teacherTemperature',
  'teacherPatchTemperature',
  'gradientNorm',
  'teacherEntropy',
  'meanTeacherEntropy',
  'teacherPatchEntropy',
  'meanTeacherPatchEntropy',
  'picturesPerSecond',
  'memoryBytes',
]);
export type StepSeries = z.infer<typeof stepSeries>;

/** Measured after epochs: k-NN, view retrieval and accuracy in percent, NMI, ARI and F 0 … 1, losses in nats. */
export const epochSeries = z.enum([
  'loss',
  'cls',
  'patch',
  'accuracy',
  'nmi',
  'ari',
  'fscore',
  'knn',
  'knn10',
  'knn20',
  'knn100',
  'knn200',
  'retrieval',
  'rank',
  'studentKnn',
  'studentRetrieval',
  'studentRank',
]);
export type EpochSeries = z.infer<typeof epochSeries>;

export const runProgress = z.object({
  run: runName,
  state: runState,
  /** preparing: `prepared` says how far · training · measuring: between epochs · saving. */
  stage: z.enum(['waiting', 'preparing', 'training', 'measuring', 'saving', 'over']),
  /** What was asked of it and comes at its next boundary: between two steps, or two measurements. */
  asked: z.enum(['pause', 'stop']).nullable(),
  /** What is being prepared, in words, and how far. */
  prepared: z.object({ what: z.string(), done: count, total: count }).nullable(),
  step: count,
  steps: count,
  /** The one that is going, counted from 1. */
  epoch: count,
  epochs: z.number().positive(),
  /** Measured, evaluations and saving included; null while nobody knows. */
  secondsLeft: seconds.nullable(),
  endsAt: time.nullable(),
  /** Training so far, in all its processes. */
  secondsSoFar: seconds,
  picturesPerSecond: measured,
  memoryBytes: bytes.nullable(),
  loss: measured,
  knn: measured,
  untrainedKnn: measured,
  /** Of the last 10 minutes, in which the device waited for pictures. */
  waitingForData: share.nullable(),
  /** Of the last checkpoint; null: none. */
  savedStep: count.nullable(),
  savedAt: time.nullable(),
  /** Can be paused, stopped, saved from here. */
  controllable: z.boolean(),
  reason: z.string().nullable(),
});
export type RunProgress = z.infer<typeof runProgress>;

/** Of one bucket of steps; NaN where nothing in it was finite. `mean`: of the finite ones. */
const bucketed = z.object({ minimum: float32Array(), maximum: float32Array(), mean: float32Array() });

/** Where values were measured: the last step of each entry, its epoch (a fraction), and seconds of training until then. */
const places = { steps: float64Array(), epochs: float64Array(), seconds: float64Array() };

const logLine = z.object({ line: count, at: time, level: z.enum(['info', 'warning', 'error']), text: z.string() });
export type LogLine = z.infer<typeof logLine>;

const panelHead = z.object({ step: count, epoch: z.number(), at: time });

/**
 * Step at which the directions were taken that the colours of all panels of a run are told by: taken anew as the run goes on,
 * in order and sign like those before. Colours with another number than the newest are to be asked for again.
 */
const basis = count;

export const monitorMethods = {
  /** As the topic `run.progress`. Errors: not-found. */
  'monitor.progress': { params: z.strictObject({ run: runName }), result: runProgress },
  /**
   * What stands still in the charts: planned courses to the end, marks (in steps), lines to compare with. `points`: of the
   * courses. Errors: not-found.
   */
  'monitor.frame': {
    params: z.strictObject({ run: runName, points: z.number().int().min(2).max(2048) }),
    result: z.object({
      steps: count,
      stepsPerEpoch: count,
      epochs: z.number(),
      schedules: schedules,
      studentTemperature: z.number(),
      /** "teacher temperature warm-up ends", "last sound checkpoint". */
      marks: z.array(z.object({ step: count, label: z.string() })),
      guessing: z.object({ loss: z.number(), cls: z.number(), patch: z.number() }),
      /** 0: not clipped. */
      clip: z.number(),
      embedDim: count,
      baselines: z.object({ untrained: networkScores, knnPixels: measured }).nullable(),
      /** k of the headline k-NN; null without labels. */
      neighbours: count.nullable(),
      heldOutPictures: count,
      labels: z.boolean(),
      /** What people should know where they look at the loss, one sentence. */
      lossRemark: z.string(),
    }),
  },
  /**
   * Step values of a range (`from` and `to` in `unit`, both included, missing: to the end) in at most `buckets` buckets of
   * equally many steps. `exact`: each bucket is one step, so the values are raw. `lastStep`: of what is known, where `run.steps`
   * goes on. A million steps under 100 ms. Errors: not-found.
   */
  'monitor.steps': {
    params: z.strictObject({
      run: runName,
      series: z.array(stepSeries).min(1).max(32),
      unit: z.enum(['step', 'epoch', 'second']),
      from: z.number().optional(),
      to: z.number().optional(),
      buckets: z.number().int().min(1).max(4096),
    }),
    result: z.object({
      exact: z.boolean(),
      lastStep: count,
      stepsPerBucket: count,
      ...places,
      series: z.partialRecord(stepSeries, bucketed),
    }),
  },
  /** All epoch values; NaN where not measured. Errors: not-found. */
  'monitor.epochs': {
    params: z.strictObject({ run: runName }),
    result: z.object({ ...places, series: z.partialRecord(epochSeries, float32Array()) }),
  },

  /** Pictures and moments of the panels that were saved, oldest first (step 0: untrained); `basis` is null without any. Errors: not-found. */
  'monitor.panels': {
    params: z.strictObject({ run: runName }),
    result: z.object({
      pictures: z.array(
        z.object({
          path: z.string(),
          /** Null: in no dataset of the library any more; its pixels are still in the panels. */
          picture: z.object({ dataset: datasetId, picture: pictureId }).nullable(),
          /** As the network sees it (centre crop). */
          image: image,
        }),
      ),
      panels: z.array(panelHead),
      basis: basis.nullable(),
    }),
  },
  /**
   * One panel: for each picture of `monitor.panels` the teacher's attention of [CLS] in the last block, mean of its heads, each
   * map stretched from its least value (0) to its greatest (255) unless it is nearly even (viridis is the window's), and the PCA colours of its patches, one pixel per
   * patch; one basis for all pictures and panels of a run at a time. Errors: not-found.
   */
  'monitor.panel': {
    params: z.strictObject({ run: runName, step: count }),
    result: panelHead.extend({ basis, pictures: z.array(z.object({ attention: patchMap, colours: image })) }),
  },
  /** The colours of one picture at many steps, for the strip; steps without a panel are left out. Errors: not-found. */
  'monitor.strip': {
    params: z.strictObject({ run: runName, place: count, steps: z.array(count).max(200) }),
    result: z.object({ basis: basis.nullable(), frames: z.array(panelHead.extend({ colours: image })) }),
  },

  /** Lines of the log from line `from` (0 is the first); `total` lines in all. Errors: not-found. */
  'monitor.log': {
    params: z.strictObject({ run: runName, ...slice }),
    result: z.object({ total: count, lines: z.array(logLine) }),
  },
};

export const monitorTopics = {
  /** At most 4 times a second. */
  'run.progress': { key: runName, value: runProgress },
  /**
   * Steps as they come, raw, at most 4 times a second; nothing at first (all arrays empty). `after`: what is known beyond this
   * step is void (a run goes on from its checkpoint); in a row it is the step before the first one here.
   */
  'run.steps': {
    key: runName,
    value: z.object({ after: count, ...places, series: z.record(stepSeries, float32Array()) }),
  },
  /** As `monitor.epochs`, the new ones; `after` as for steps. Nothing at first. */
  'run.epochs': {
    key: runName,
    value: z.object({ after: count, ...places, series: z.partialRecord(epochSeries, float32Array()) }),
  },
  /** A panel was saved; the newest one at first, null where there is none. */
  'run.panel': { key: runName, value: panelHead.extend({ basis }).nullable() },
  /** New lines; nothing at first. */
  'run.log': { key: runName, value: z.object({ total: count, lines: z.array(logLine) }) },
};
