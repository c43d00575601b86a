/** The engine itself: what it is, whether it lives, how it ends; and the one list of warnings. */
import { z } from 'zod';
import { bytes, count, datasetId, done, nothing, runName, text, time } from './values';

/** Raised with every change of the contract that is not only an addition. */
export const PROTOCOL_VERSION = 2;

/** What a warning offers to do about it; its label is the window's. */
export const warningAction = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('show-run'), run: runName }),
  z.object({ kind: z.literal('continue-run'), run: runName }),
  /** Begin anew from this run's options with these changed (`recipes.fromRun`). */
  z.object({ kind: z.literal('clone-run'), run: runName }),
  /** `runs.adjust`. */
  z.object({ kind: z.literal('set-workers'), run: runName, workers: z.number().int().min(1) }),
  z.object({ kind: z.literal('show-problems'), dataset: datasetId }),
  z.object({ kind: z.literal('free-space') }),
  z.object({ kind: z.literal('choose-device') }),
]);
export type WarningAction = z.infer<typeof warningAction>;

export const warning = z.object({
  id: count,
  /** What it is about, for icons and tests: `slow-data`, `disk-nearly-full`, `device-lost`, `queue-waits`, `engine-restarted`,
   * `dataset-gone`, `labels-unread`, and the codes of a run's warnings (`WarningCode` in runs/events.ts). Others may come. */
  code: z.string(),
  severity: z.enum(['note', 'warning', 'error']),
  /** The first sentence, set in bold: what happened. */
  title: z.string(),
  /** What it means and what to do, in one to three sentences. */
  message: z.string(),
  /** For "Copy details"; null where the message is all. */
  detail: z.string().nullable(),
  run: runName.nullable(),
  dataset: datasetId.nullable(),
  at: time,
  /** The condition is over, but nobody has seen the warning yet. */
  over: z.boolean(),
  seen: z.boolean(),
  actions: z.array(warningAction),
});
export type Warning = z.infer<typeof warning>;

/**
 * starting: opening library and device · ready · no-device: everything but computing works · device-lost: being opened
 * anew · stopping: saves and ends.
 */
export const engineStatus = z.object({
  state: z.enum(['starting', 'ready', 'no-device', 'device-lost', 'stopping']),
  /** One sentence for every state but `ready`, then null. */
  message: z.string().nullable(),
  /** Runs that are unsafe to end now: what "close" has to ask about. */
  busy: z.boolean(),
});
export type EngineStatus = z.infer<typeof engineStatus>;

export const engineMethods = {
  /** What runs here. Answered in every state. Fails never. */
  'engine.info': {
    params: nothing,
    result: z.object({
      protocol: z.number().int(),
      /** Of the program. */
      version: z.string(),
      node: z.string(),
      /** Of Dawn's package. */
      webgpu: z.string(),
      platform: z.string(),
      /** Served to a browser by `ibot serve`: there are no native dialogs, the folder picker is `files.list`. */
      served: z.boolean(),
      processId: count,
      /** Processor cores. */
      cores: count,
      /** Of the machine. */
      memoryBytes: bytes,
    }),
  },
  /**
   * Ends the engine's process after its answer. `save`: running work finishes its step and saves first (seconds; runs
   * become `paused` until somebody lets them go on); `discard`: runs end at once, as `stopped`, with the checkpoints they have.
   * Errors: user (saving failed, for instance a full disk; then nothing ends).
   */
  'engine.shutdown': { params: z.strictObject({ runs: z.enum(['save', 'discard']) }), result: done },
  /**
   * Called once by what started the engine anew after a crash: the run that was going goes on from its last checkpoint, and
   * a warning `engine-restarted` says so. `reason`: one sentence, what ended the engine before. Result: the run that goes
   * on and the steps that are computed again; null where none was going. Errors: user (it cannot go on; says why).
   */
  'engine.recover': {
    params: z.strictObject({ reason: text(1000), detail: text(100_000).optional() }),
    result: z.object({ run: runName, fromStep: count, stepsAgain: count }).nullable(),
  },
  /** Licences of everything inside, as Markdown. Fails never. */
  'engine.licences': { params: nothing, result: z.object({ markdown: z.string() }) },

  /** Marks warnings as seen; without `ids` all. Those that are over leave the list. Unknown ids are passed over. */
  'warnings.see': { params: z.strictObject({ ids: z.array(count).max(10_000).optional() }), result: done },
};

export const engineTopics = {
  'engine.status': { key: null, value: engineStatus },
  /** The whole list at each change: newest first, seen ones included while their condition lasts. */
  warnings: { key: null, value: z.object({ warnings: z.array(warning) }) },
};
