/**
 * Pictures of a dataset: rows of the grid, facets beside it, one picture in detail, and the files themselves by address.
 *
 * A grid over a million pictures asks `pictures.ids` once per filter and sort (4 bytes a picture) and `pictures.rows` for what is
 * on the screen. Both say the dataset's `revision`.
 */
import { z } from 'zod';
import {
  bytes,
  classIndex,
  count,
  datasetId,
  float64Array,
  histogram,
  int32Array,
  MOST_PICTURES,
  MOST_ROWS,
  pictureId,
  pictureIds,
  range,
  slice,
  text,
  time,
  uint8Array,
  uint32Array,
} from './values';

/** used: counts everywhere · left-out: by hand, or as a duplicate · unreadable: see `problems`. */
export const use = z.enum(['used', 'left-out', 'unreadable']);
export type Use = z.infer<typeof use>;
/** The order of the numbers in `rows.uses`. */
export const USES = use.options;
/** The order of the numbers in `rows.splits`. */
export const SPLITS = ['train', 'held-out'] as const;

/** What is shown: pictures that meet all conditions that are given. */
export const filter = z.strictObject({
  /** Part of the path below the folder, case ignored. */
  text: text(500).optional(),
  /** Any of these; −1: no class. */
  classes: z.array(classIndex).max(100_000).optional(),
  split: z.enum(SPLITS).optional(),
  /** Default: used alone. */
  uses: z.array(use).max(3).optional(),
  /** Pixels. */
  shorterSide: range.optional(),
  /** Width / height, as the picture stands (after EXIF rotation). */
  aspect: range.optional(),
  /** Of the file. */
  bytes: range.optional(),
  /** Milliseconds since 1970, by EXIF. */
  taken: range.optional(),
  /** Any of these problems (`ProblemKind`). */
  problems: z.array(text(40)).max(50).optional(),
  /** In a group of duplicates. */
  duplicates: z.boolean().optional(),
  attributes: z
    .array(
      z.union([
        /** Any of these texts; '' : none. */
        z.strictObject({ name: text(200), values: z.array(text(1000)).max(10_000) }),
        z.strictObject({ name: text(200), range }),
      ]),
    )
    .max(50)
    .optional(),
  /** Only these: a selection of another view. */
  pictures: pictureIds.optional(),
});
export type Filter = z.infer<typeof filter>;

/** mixed: an order that shows all kinds early, the same each time. attribute: of the name in `attribute`. */
export const sort = z.strictObject({
  by: z.enum(['mixed', 'path', 'class', 'shorter-side', 'aspect', 'bytes', 'taken', 'modified', 'attribute']),
  attribute: text(200).optional(),
  descending: z.boolean().optional(),
});
export type Sort = z.infer<typeof sort>;

/** Pictures as columns, all of one length. */
const rows = z.object({
  ids: uint32Array(),
  /** Pixels as the picture stands; 0 where unreadable. */
  widths: uint32Array(),
  heights: uint32Array(),
  classes: int32Array(),
  /** Places in `SPLITS`. */
  splits: uint8Array(),
  /** Places in `USES`. */
  uses: uint8Array(),
  /** 1: something is the matter with it. */
  problems: uint8Array(),
  /** Version of the file, for the picture's address. */
  versions: uint32Array(),
  /** Below the dataset's folder, '/' between the parts. */
  paths: z.array(z.string()),
});
export type PictureRows = z.infer<typeof rows>;

const shown = { dataset: datasetId, filter };

/** Counts of one class under the filter without its condition on classes; `selected`: of the selection that was given. */
const classCounts = z.object({ index: classIndex, count: count, selected: count });

export const pictureDetail = z.object({
  picture: pictureId,
  path: z.string(),
  /** In the file system. */
  file: z.string(),
  /** False: the file is gone since the last scan. */
  present: z.boolean(),
  class: classIndex,
  /** Set by hand, over what the source says. */
  classByHand: z.boolean(),
  split: z.enum(SPLITS),
  use: use,
  width: count,
  height: count,
  bytes: bytes,
  modified: time,
  /** By EXIF. */
  taken: time.nullable(),
  /** "JPEG". */
  format: z.string(),
  /** "8-bit RGB", "16-bit grey", "CMYK". */
  colours: z.string(),
  /** Turned upright by EXIF. */
  turned: z.boolean(),
  camera: z.string().nullable(),
  attributes: z.array(z.object({ name: z.string(), value: z.string() })),
  /** Other pictures of its group of duplicates. */
  duplicates: uint32Array(),
  /** What is the matter with it, in a sentence. */
  problem: z.string().nullable(),
  version: count,
});
export type PictureDetail = z.infer<typeof pictureDetail>;

export const pictureMethods = {
  /** All ids that the filter shows, in order: for selecting and for finding a picture's place. Errors: not-found. */
  'pictures.ids': {
    params: z.strictObject({ ...shown, sort }),
    result: z.object({ revision: count, bytes: bytes, ids: uint32Array() }),
  },
  /** Rows of given pictures, in the order given; ids that are no picture are left out. Errors: not-found (the dataset). */
  'pictures.rows': {
    params: z.strictObject({ dataset: datasetId, ids: uint32Array({ maximum: MOST_ROWS }) }),
    result: z.object({ revision: count, rows }),
  },
  /**
   * What stands beside the grid. Each facet is counted under the filter without its own condition, so that bars stay when one of
   * them is chosen. Histograms have `bins` bars: shorter side and file size in equal steps of the logarithm, aspect in equal
   * steps of log(width / height) from 1:4 to 4:1 with the rest in the outermost. Errors: not-found.
   */
  'pictures.facets': {
    params: z.strictObject({
      ...shown,
      bins: z.number().int().min(4).max(200),
      selection: uint32Array({ maximum: MOST_PICTURES }).optional(),
    }),
    result: z.object({
      revision: count,
      total: count,
      /** Most first; −1 for those without. */
      classes: z.array(classCounts),
      shorterSide: histogram,
      aspect: histogram,
      bytes: histogram,
      training: count,
      heldOut: count,
      uses: z.object({ used: count, leftOut: count, unreadable: count }),
      attributes: z.array(
        z.object({
          name: z.string(),
          kind: z.enum(['text', 'number']),
          /** Different values under the filter. */
          values: count,
          /** Of numbers. */
          histogram: histogram.nullable(),
        }),
      ),
    }),
  },
  /** Values of one text attribute under the filter without its condition on it, most first; `text` narrows. Errors: not-found. */
  'pictures.attributeValues': {
    params: z.strictObject({ ...shown, name: text(200), text: text(200).optional(), ...slice }),
    result: z.object({ total: count, values: z.array(z.object({ value: z.string(), count: count })) }),
  },
  /**
   * What to colour given pictures by, one entry per id: an attribute as places in `values` (−1: none), or as numbers (NaN: none).
   * Errors: not-found (dataset or attribute).
   */
  'pictures.attribute': {
    params: z.strictObject({ dataset: datasetId, name: text(200), ids: uint32Array({ maximum: MOST_ROWS }) }),
    result: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('text'), values: z.array(z.string()), codes: int32Array() }),
      z.object({ kind: z.literal('number'), numbers: float64Array() }),
    ]),
  },
  /** All about one. Errors: not-found. */
  'pictures.detail': { params: z.strictObject({ dataset: datasetId, picture: pictureId }), result: pictureDetail },
  /**
   * The bytes behind a picture's address: what the scheme `ibot-picture:` and `ibot serve` answer with; windows use addresses,
   * never this. Upright, never enlarged, longer side at most `size`; thumbnails (up to 512) come from the cache. `partial`: what
   * could be read of a broken file, in full size, the rest transparent. Errors: not-found (no such picture, gone, not readable at
   * all).
   */
  'pictures.read': {
    params: z.strictObject({ dataset: datasetId, picture: pictureId, size: z.number().int(), partial: z.boolean() }),
    result: z.object({ type: z.enum(['image/webp', 'image/jpeg', 'image/png']), bytes: uint8Array() }),
  },
};

/** Longer sides that pictures are served in, in pixels: thumbnails up to 512, one for the window, one for zooming. */
export const PICTURE_SIZES = [64, 128, 256, 512, 2048, 8192] as const;
export type PictureSize = (typeof PICTURE_SIZES)[number];

export interface PictureAddress {
  dataset: string;
  picture: number;
  size: PictureSize;
  /** From the row; another version is another address, so that caches never lie. */
  version: number;
  /** What could be read of a broken file. */
  partial?: boolean;
}

/** Where addresses begin: in the desktop window, and in the browser that `ibot serve` serves. */
export const PICTURE_BASE = { desktop: 'ibot-picture://dataset/', served: '/dataset/' } as const;

/** The rest of a picture's address, after one of `PICTURE_BASE`. */
export const pictureAddress = ({ dataset, picture, size, version, partial }: PictureAddress): string =>
  `${dataset}/${picture}/${size}/${version}${partial ? '/partial' : ''}`;

/** Reads what `pictureAddress` wrote; undefined for anything else. */
export function parsePictureAddress(address: string): PictureAddress | undefined {
  const parts = /^([a-z0-9]{4,32})\/(\d{1,10})\/(\d{2,4})\/(\d{1,10})(\/partial)?$/.exec(address);
  if (!parts) return undefined;
  const size = PICTURE_SIZES.find((each) => each === Number(parts[3]));
  const picture = pictureId.safeParse(Number(parts[2]));
  if (size === undefined || !picture.success) return undefined;
  const partial = parts[5] === undefined ? {} : { partial: true };
  return { dataset: parts[1]!, picture: picture.data, size, version: Number(parts[4]), ...partial };
}
