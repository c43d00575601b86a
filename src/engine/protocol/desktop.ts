/**
 * What the desktop's main process does for its window, in the same messages over the same port: names begin with `desktop.`, all
 * else goes on to the engine. For a browser, `ibot serve` answers engine, settings and layout; the page picks by `files.list`, saves by
 * downloads, copies and opens pages by itself; what is left (reveal, close, window …) is not there.
 */
import { z } from 'zod';
import { count, datasetId, done, filePath, nothing, pictureId, runName, text, time } from './values';

/** The window's own settings, remembered by main. */
export const desktopSettings = z.object({
  theme: z.enum(['system', 'dark', 'light']),
  /** Size of text: 1 is 13 px. */
  textScale: z.number().min(0.75).max(2),
  keepAwake: z.boolean(),
  notifyWhenRunEnds: z.boolean(),
  /** What closing the window does while a run is going. */
  onClose: z.enum(['ask', 'tray', 'pause', 'cancel']),
});
export type DesktopSettings = z.infer<typeof desktopSettings>;

export const DEFAULT_DESKTOP_SETTINGS: DesktopSettings = {
  theme: 'system',
  textScale: 1,
  keepAwake: true,
  notifyWhenRunEnds: true,
  onClose: 'ask',
};

/** From what was kept: what does not fit (any more) is as at first. */
export function readDesktopSettings(kept: unknown): DesktopSettings {
  const stored = z.record(z.string(), z.unknown()).safeParse(kept).data ?? {};
  const fitting = Object.entries(desktopSettings.shape).filter(([key, schema]) => schema.safeParse(stored[key]).success);
  return { ...DEFAULT_DESKTOP_SETTINGS, ...Object.fromEntries(fitting.map(([key]) => [key, stored[key]])) };
}

/** starting · ready · restarting: it ended or hung · stopped: it ended too often, or cannot begin; only by hand. */
export const engineSupervision = z.object({
  state: z.enum(['starting', 'ready', 'restarting', 'stopped']),
  restarts: count,
  /**
   * Of the last end: one sentence ("ended by signal 9, perhaps the system was short of memory"), and lines for "Copy details".
   */
  reason: z.string().nullable(),
  detail: z.string().nullable(),
  at: time.nullable(),
  /** Why it cannot begin, and what to do, in a sentence; null unless it is stopped for that. */
  refusal: z.string().nullable(),
  /** What went on after it. */
  recovered: z.object({ run: runName, fromStep: count, stepsAgain: count }).nullable(),
});
export type EngineSupervision = z.infer<typeof engineSupervision>;

/** The layout of the window, as the window wrote it: main keeps it and does not look into it. */
export const windowLayout = z.record(z.string().max(100), z.union([z.number(), z.boolean(), z.string().max(4096)]));
export type WindowLayout = z.infer<typeof windowLayout>;

const MOST_LAYOUT_ENTRIES = 1000;

/** Adds to what is remembered; what was remembered first is forgotten first. */
export const addToLayout = (known: WindowLayout, more: WindowLayout): WindowLayout =>
  Object.fromEntries(Object.entries({ ...known, ...more }).slice(-MOST_LAYOUT_ENTRIES));

/** What the program is made after, and its licence, on the web. It has no pages of its own there. */
export const PAGES = {
  paper: 'https://arxiv.org/abs/2111.07832',
  licence: 'https://www.apache.org/licenses/LICENSE-2.0',
} as const;

const closeChoice = z.enum(['tray', 'pause', 'cancel', 'back']);

export const desktopMethods = {
  /** Fails never. For About. */
  'desktop.info': {
    params: nothing,
    result: z.object({ version: z.string(), electron: z.string(), chrome: z.string(), node: z.string(), platform: z.string() }),
  },
  /** A native dialog; null: dismissed. */
  'desktop.pickFolder': {
    params: z.strictObject({ title: text(200), start: filePath.optional() }),
    result: z.object({ path: z.string().nullable() }),
  },
  /** A native dialog for one file with one of the endings (without dots); null: dismissed. */
  'desktop.pickFile': {
    params: z.strictObject({ title: text(200), endings: z.array(z.string().regex(/^[a-z0-9]{1,10}$/)).max(20) }),
    result: z.object({ path: z.string().nullable() }),
  },
  /** Reads a text file that the user picks, up to 1 MB; null: dismissed. Errors: user (too large, not text). */
  'desktop.openText': {
    params: z.strictObject({ title: text(200), endings: z.array(z.string().regex(/^[a-z0-9]{1,10}$/)).max(20) }),
    result: z.object({ fileName: z.string(), text: z.string() }).nullable(),
  },
  /** Asks where, and saves there; null: dismissed. Errors: user (no room, no permission). */
  'desktop.saveText': {
    params: z.strictObject({ fileName: text(200), text: text(16_000_000) }),
    result: z.object({ path: z.string() }).nullable(),
  },
  /**
   * Shows something in the system's file manager; main asks the engine where it is, so that no path comes from the window.
   * Errors: user (gone).
   */
  'desktop.reveal': {
    params: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('picture'), dataset: datasetId, picture: pictureId }),
      z.strictObject({ kind: z.literal('dataset'), dataset: datasetId }),
      z.strictObject({ kind: z.literal('run'), run: runName }),
      z.strictObject({ kind: z.literal('library') }),
    ]),
    result: done,
  },
  /** Opens one of these pages in the browser. */
  'desktop.openPage': { params: z.strictObject({ page: z.enum(Object.keys(PAGES) as (keyof typeof PAGES)[]) }), result: done },
  'desktop.copyText': { params: z.strictObject({ text: text(1_000_000) }), result: done },

  'desktop.settings': { params: nothing, result: desktopSettings },
  /** Changes those that are given, at once. */
  'desktop.setSettings': { params: desktopSettings.partial().strict(), result: desktopSettings },
  /** What was remembered of the layout, and remembering some of it. */
  'desktop.layout': { params: nothing, result: windowLayout },
  'desktop.setLayout': { params: windowLayout, result: done },

  /** Opens another library: the engine is started anew with it. Errors: user (a run is going, cannot be written to). */
  'desktop.setLibrary': { params: z.strictObject({ folder: filePath }), result: done },
  /** Starts the engine anew by hand. A run that is going is saved before, and goes on after; answers at once. */
  'desktop.restartEngine': { params: nothing, result: done },
  /** The answer to the topic `desktop.closing`; `always` remembers it. */
  'desktop.close': { params: z.strictObject({ choice: closeChoice, always: z.boolean() }), result: done },
  'desktop.window': { params: z.strictObject({ do: z.enum(['minimise', 'maximise', 'close']) }), result: done },
};

export const desktopTopics = {
  'desktop.engine': { key: null, value: engineSupervision },
  'desktop.settings': { key: null, value: desktopSettings },
  /** The theme that is shown, after the system's where it follows it. */
  'desktop.theme': { key: null, value: z.object({ theme: z.enum(['dark', 'light']) }) },
  /**
   * The window is asked to close while a run is going: ask the user, then `desktop.close`. `problem`: why what is always done then
   * could not be done, in a sentence. Null: nobody asks.
   */
  'desktop.closing': { key: null, value: z.object({ run: runName, problem: z.string().nullable() }).nullable() },
  /** A menu item or key of the system: commands by the palette's names. Null at first. */
  'desktop.command': { key: null, value: z.object({ command: z.string() }).nullable() },
};
