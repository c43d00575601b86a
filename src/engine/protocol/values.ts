/** Values that several areas of the contract share: names, bulk numbers, pictures as pixels, histograms. */
import { z } from 'zod';

interface TypedArrays {
  Uint8Array: Uint8Array;
  Int32Array: Int32Array;
  Uint32Array: Uint32Array;
  Float32Array: Float32Array;
  Float64Array: Float64Array;
}

/**
 * Numbers in bulk. Told by its tag, not by `instanceof`, since arrays may come from another realm (a port of Electron).
 * A Node `Buffer` counts as Uint8Array.
 */
function typedArray<Name extends keyof TypedArrays>(name: Name) {
  return (limits: { maximum?: number } = {}) =>
    z.custom<TypedArrays[Name]>(
      (value) =>
        ArrayBuffer.isView(value) &&
        (value as Uint8Array)[Symbol.toStringTag] === name &&
        (value as Uint8Array).length <= (limits.maximum ?? Infinity),
      `a ${name}${limits.maximum === undefined ? '' : ` of at most ${limits.maximum.toLocaleString('en')} values`} is expected`,
    );
}
export const uint8Array = typedArray('Uint8Array');
export const int32Array = typedArray('Int32Array');
export const uint32Array = typedArray('Uint32Array');
export const float32Array = typedArray('Float32Array');
export const float64Array = typedArray('Float64Array');

/** More pictures than any index holds: the limit of every list of picture ids that comes in. */
export const MOST_PICTURES = 4_000_000;
/** Rows of a grid or list that may be asked for at once. */
export const MOST_ROWS = 2000;

export const count = z.number().int().nonnegative();
/** Bytes. */
export const bytes = z.number().nonnegative();
/** Seconds. */
export const seconds = z.number().nonnegative();
/** Milliseconds since 1970, UTC. */
export const time = z.number();
/** A share, 0 … 1. */
export const share = z.number().min(0).max(1);
/** A measured number; null where it was not finite or not measured. */
export const measured = z.number().nullable();

/** Text that somebody typed. */
export const text = (most: number) => z.string().max(most);
/** A place in the engine's file system, absolute. The engine checks that it is there. */
export const filePath = z
  .string()
  .min(1)
  .max(4096)
  .refine((path) => !path.includes('\0'), 'a path holds no zero byte');

/** Id of a dataset: made by the engine, safe in addresses, never used again. */
export const datasetId = z.string().regex(/^[a-z0-9]{4,32}$/, 'a dataset id has 4 to 32 letters and digits');
/** Id of a picture in its dataset: given once, never used again, also for files that cannot be read. */
export const pictureId = z.number().int().min(0).max(0xffff_ffff);
/** Ids of pictures. */
export const pictureIds = uint32Array({ maximum: MOST_PICTURES });
/** Index of a class in the dataset's list of classes; −1: no class. */
export const classIndex = z.number().int().min(-1).max(1_000_000);
/**
 * Name of a run in the library, unique there; for runs in the library's own `runs` also the name of its folder, so what no
 * file system takes is refused.
 */
export const runName = z
  .string()
  .min(1)
  .max(80)
  .regex(/^[^\x00-\x1f<>:"/\\|?*]+$/, 'a name holds none of < > : " / \\ | ? *')
  .refine((name) => !/^[. ]|[. ]$/.test(name), 'a name neither begins nor ends with a dot or a space')
  .refine((name) => !/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(name), 'Windows keeps this name for itself');
/** Id of a task (background work). */
export const taskId = count;

/** Pixels: `width × height × 4` bytes, red green blue alpha, rows from the top, alpha not multiplied in. */
export const image = z
  .object({ width: count, height: count, rgba: uint8Array() })
  .refine(({ width, height, rgba }) => rgba.length === width * height * 4, 'an image has four bytes per pixel');
export type Image = z.infer<typeof image>;

/** One amount per patch: `rows × columns` bytes, rows from the top, 0 … 255. What the amounts mean stands where it is used. */
export const patchMap = z
  .object({ rows: count, columns: count, values: uint8Array() })
  .refine(({ rows, columns, values }) => values.length === rows * columns, 'a map has one byte per patch');
export type PatchMap = z.infer<typeof patchMap>;

/** `counts[i]` values lie in `edges[i]` (included) … `edges[i + 1]` (left out, but for the last), so there is one edge more. */
export const histogram = z
  .object({ edges: float64Array(), counts: uint32Array() })
  .refine(({ edges, counts }) => edges.length === counts.length + 1, 'a histogram has one edge more than counts');
export type Histogram = z.infer<typeof histogram>;

/** From … to, both included; a missing end is open. */
export const range = z.strictObject({ from: z.number().optional(), to: z.number().optional() });
export type Range = z.infer<typeof range>;

/** The slice of a list that is shown: from its row `from` (0 is the first), at most `count` rows. */
export const slice = { from: count, count: z.number().int().min(1).max(MOST_ROWS) };

/** Nothing to say. */
export const nothing = z.strictObject({});
/** Done; nothing to tell. */
export const done = z.null();

/** Text as a file: the window saves it where its user says (a dialog, or a download in the browser). */
export const textFile = z.object({
  /** Suggested, with its ending. */
  fileName: z.string(),
  text: z.string(),
});

/** An option's value as JSON has it. */
export const optionValue = z.union([z.number(), z.boolean(), z.string().max(4096), z.array(z.number()).max(64)]);
export type OptionValue = z.infer<typeof optionValue>;
/** Options by name, with _ . */
export const optionValues = z
  .record(z.string().min(1).max(64), optionValue)
  .refine((options) => Object.keys(options).length <= 300, 'there are at most 300 options');
export type OptionValues = z.infer<typeof optionValues>;
