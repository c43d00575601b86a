/** The library on disk, the engine's settings, and a picker of folders for windows without native dialogs. */
import { z } from 'zod';
import { workerLimits } from './devices';
import { bytes, count, datasetId, filePath, nothing, pictureId, text, time } from './values';

export const libraryStatus = z.object({
  folder: z.string(),
  /** Its folder's name. */
  name: z.string(),
  /** Taken by the library, as it was counted last (`library.status`); null before. */
  usedBytes: bytes.nullable(),
  /** Free on its disk. */
  freeBytes: bytes,
  datasets: count,
  /** In all datasets, those that can be used. */
  pictures: count,
  runs: count,
  trash: z.object({ items: count, bytes: bytes }),
});
export type LibraryStatus = z.infer<typeof libraryStatus>;

/** The engine's own; theme, notifications and the like are the window's (`desktop.settings`). */
export const settings = z.object({
  /** Id of the device to compute on; null: the best one. Takes effect when no run is going. */
  device: z.string().max(200).nullable(),
  /** Memory of the device left free for the screen. */
  screenMemoryBytes: z.number().int().min(0).max(2 ** 40),
  /** Memory of the device in place of what the system tells; null: as it tells. */
  deviceMemoryBytes: z.number().int().min(2 ** 26).max(2 ** 44).nullable(),
  /** Threads that read and crop pictures; 0: automatic. New runs take it as the default of `workers`. */
  workers: z.number().int().min(0).max(256),
  /** While somebody looks at pictures with the device during a run: share its time (10%), or pause the run. */
  whileLooking: z.enum(['share', 'pause']),
});
export type Settings = z.infer<typeof settings>;

export const settingsState = z.object({
  settings,
  defaults: settings,
  /** For the line beside the field: cores there, and what `workers: 0` takes. */
  workers: workerLimits,
});

/** One entry of a folder on the engine's machine. */
const fileEntry = z.object({
  name: z.string(),
  path: z.string(),
  kind: z.enum(['folder', 'picture', 'table', 'other']),
  /** Of files. */
  bytes: bytes.nullable(),
  modified: time,
});

export const libraryMethods = {
  /** As the topic `library.status`; counts what the library takes, if that was long ago, which the topic tells. Fails never. */
  'library.status': { params: nothing, result: libraryStatus },
  /**
   * Pictures of all datasets whose path contains `text` (case ignored), for the palette: at most `count`. Under 300 ms; `more`
   * tells that there are others. Fails never.
   */
  'library.findPictures': {
    params: z.strictObject({ text: text(200), count: z.number().int().min(1).max(100) }),
    result: z.object({
      pictures: z.array(z.object({ dataset: datasetId, picture: pictureId, path: z.string() })),
      more: z.boolean(),
    }),
  },

  /** Changes those that are given, at once. Errors: user (no such device, more memory left free than there is). */
  'settings.set': { params: settings.partial().strict(), result: settingsState },

  /**
   * A folder of the engine's machine, for picking folders and tables where there is no native dialog; no contents. Without
   * `path`: the user's home. Folders first, by name; hidden ones left out unless `hidden`; at most 5,000 entries.
   * Errors: user (gone, not a folder, no permission).
   */
  'files.list': {
    params: z.strictObject({ path: filePath.optional(), hidden: z.boolean().optional() }),
    result: z.object({
      path: z.string(),
      /** Null at the top. */
      parent: z.string().nullable(),
      /** Home, disks, what else to begin from. */
      places: z.array(z.object({ name: z.string(), path: z.string() })),
      entries: z.array(fileEntry),
      more: z.boolean(),
    }),
  },
  /**
   * What was dropped or picked: may it be added, and as what? Looks at 2,000 entries at most, under 300 ms.
   * Errors: user (gone, no permission).
   */
  'files.inspect': {
    params: z.strictObject({ path: filePath }),
    result: z.object({
      kind: z.enum(['pictures', 'table', 'run', 'model', 'other']),
      /** For `pictures`: pictures seen, and whether there are more than were looked at. */
      pictures: count,
      more: z.boolean(),
      /** For `pictures`: folders that would become classes. */
      classes: count,
      /** The dataset that reads this folder already. */
      dataset: datasetId.nullable(),
      /** A name for the dataset or run. */
      suggestedName: z.string(),
    }),
  },
};

export const libraryTopics = {
  'library.status': { key: null, value: libraryStatus },
  settings: { key: null, value: settingsState },
};
