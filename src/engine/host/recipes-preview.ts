/** What student and teacher will see of a few pictures: the crops and masks that training draws, made on the processor. */
import {
  cropPixels,
  decodePicture,
  drawBox,
  drawCrops,
  PICTURE_PIXELS,
  PictureError,
  placeInside,
  readPictureFile,
  resample,
  runDecodeJob,
  splitIndices,
  type Crop,
  type Manifest,
  type PackedPicture,
} from '../data';
import { UserError } from '../errors';
import { cropOptionsOf, drawMasks, maskOptionsOf, type Recipe } from '../ibot';
import type { Image, Params, PreviewCrop, Result } from '../protocol';
import { Purpose, Random } from '../random';

type Preview = Result<'recipes.preview'>;

/** Pixels of all crops of one answer. */
const MOST_PIXELS = 1 << 25;
/** Pictures that are tried in the place of one that cannot be read. */
const TRIES = 16;

/** Training pictures in an order that begins with different classes, as places in the manifest. */
export class PreviewOrder {
  private readonly known = new WeakMap<Manifest, Uint32Array>();

  of(manifest: Manifest): Uint32Array {
    const known = this.known.get(manifest);
    if (known) return known;
    const order = byTurns(manifest);
    this.known.set(manifest, order);
    return order;
  }
}

function byTurns(manifest: Manifest): Uint32Array {
  const training = splitIndices(manifest, 'train');
  const seen = new Map<number, number>();
  // The n-th picture of its class is in round n; within a round in the order of the manifest.
  const rounds = training.map((index) => {
    const { label } = manifest.pictures[index]!;
    const round = seen.get(label) ?? 0;
    seen.set(label, round + 1);
    return round;
  });
  const begins = new Uint32Array(training.length + 1);
  for (const round of rounds) begins[round + 1]!++;
  for (let round = 0; round < training.length; round++) begins[round + 1]! += begins[round]!;
  const order = new Uint32Array(training.length);
  training.forEach((index, i) => (order[begins[rounds[i]!]!++] = index));
  return order;
}

export interface PreviewSituation {
  manifest: Manifest;
  order: Uint32Array;
  /** Ids of pictures by path, null where the dataset has none any more. */
  find(paths: readonly string[]): Promise<readonly (number | null)[]>;
  signal: AbortSignal;
}

/** @throws UserError when none of the pictures can be read, or when the crops are too large to be shown */
export async function previewCrops(
  recipe: Recipe,
  { places, draw, size }: Pick<Params<'recipes.preview'>, 'places' | 'draw' | 'size'>,
  situation: PreviewSituation,
): Promise<Preview> {
  const { manifest, order, signal } = situation;
  const { global_crops_number: globals, local_crops_number: locals } = recipe;
  const pixels = globals * recipe.global_crops_size ** 2 + locals * recipe.local_crops_size ** 2;
  if (pixels * places.length > MOST_PIXELS) {
    throw new UserError('These crops are too large to be shown: choose smaller ones, or look at fewer pictures at once.');
  }
  const found: { place: number; index: number; packed: PackedPicture; image: Image }[] = [];
  let reason = '';
  for (const place of places) {
    for (let attempt = 0; attempt < Math.min(TRIES, order.length); attempt++) {
      signal.throwIfAborted();
      const at = (place + attempt) % order.length;
      if (found.some((other) => other.place === at)) continue;
      try {
        found.push({ place: at, index: order[at]!, ...(await readPicture(recipe, manifest, order[at]!, draw, size)) });
        break;
      } catch (error) {
        if (!(error instanceof PictureError)) throw error;
        reason ||= error.reason;
      }
    }
  }
  if (found.length === 0) {
    const why = reason || 'there are none';
    throw new UserError(`None of these pictures can be read (${why}): check that their folder is still there.`);
  }
  const paths = found.map(({ index }) => manifest.pictures[index]!.path);
  const ids = await situation.find(paths);
  const pictures = found.flatMap(({ place, index, packed, image }, i): Preview['pictures'] => {
    const picture = ids[i];
    if (picture === null || picture === undefined) return [];
    signal.throwIfAborted();
    const crops = cropsOf(recipe, packed, index, draw);
    return [{ place, picture, path: paths[i]!, image, crops, patchSize: recipe.patch_size }];
  });
  if (pictures.length === 0) throw new UserError('The pictures have changed since they were listed: look again.');
  return { total: order.length, pictures };
}

/** For its crops as training decodes it, and whole for looking. @throws PictureError */
async function readPicture(
  recipe: Recipe,
  manifest: Manifest,
  index: number,
  draw: number,
  size: number,
): Promise<{ packed: PackedPicture; image: Image }> {
  const entry = manifest.pictures[index]!;
  const path = await placeInside(manifest.root, entry.path);
  if (path === undefined) throw new PictureError('gone');
  const packed = (await runDecodeJob(
    {
      kind: 'crops',
      path,
      expectedSize: entry.size,
      maxPixels: PICTURE_PIXELS,
      options: cropOptionsOf(recipe),
      seed: recipe.seed,
      epoch: draw,
      pictureIndex: index,
    },
    true,
  )) as PackedPicture;
  const whole = await decodePicture(await readPictureFile(path, entry.size), { shrink: (w, h) => Math.max(w, h) / size });
  const scale = Math.min(1, size / Math.max(whole.width, whole.height));
  const [width, height] = [Math.max(1, Math.round(whole.width * scale)), Math.max(1, Math.round(whole.height * scale))];
  const { data } = scale < 1 ? resample(whole, width, height) : whole;
  return { packed, image: imageOf(width, height, data) };
}

/** @param rgb height × width × 3 bytes */
function imageOf(width: number, height: number, rgb: Uint8Array): Image {
  const rgba = new Uint8Array(width * height * 4).fill(255);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) rgba.set(rgb.subarray(from, from + 3), to);
  return { width, height, rgba };
}

function cropsOf(recipe: Recipe, packed: PackedPicture, index: number, draw: number): PreviewCrop[] {
  const { fullWidth, fullHeight } = packed;
  const globals = recipe.global_crops_number;
  const masks = masksOf(recipe, draw, [index], globals);
  return drawCrops(cropOptionsOf(recipe), recipe.seed, draw, index, fullWidth, fullHeight).map((crop, i) => {
    const mask = masks[i];
    const masked = mask?.reduce((sum, patch) => sum + patch, 0) ?? 0;
    const patches = recipe.global_crops_size / recipe.patch_size;
    return {
      kind: crop.isGlobal ? 'global' : 'local',
      box: {
        x: crop.left / fullWidth,
        y: crop.top / fullHeight,
        width: crop.width / fullWidth,
        height: crop.height / fullHeight,
      },
      area: (crop.width * crop.height) / (fullWidth * fullHeight),
      mirrored: crop.flip,
      grey: crop.grayscale,
      solarised: crop.solarise,
      blur: crop.blur > 0 ? crop.blur : null,
      colour: colourOf(crop),
      image: imageOf(crop.size, crop.size, cropPixels(packed, crop)),
      mask: mask && masked > 0 ? { rows: patches, columns: patches, values: mask } : null,
      masked,
    };
  });
}

function colourOf({ jitter }: Crop): PreviewCrop['colour'] {
  if (!jitter) return null;
  const { brightness, contrast, saturation, hue } = jitter;
  return { brightness, contrast, saturation, hue: 360 * hue };
}

/** As training draws them once masking has begun. Without hiding nothing is masked for the student. */
function masksOf(recipe: Recipe, draw: number, indices: readonly number[], globals: number): Uint8Array[] {
  if (!recipe.use_masked_im_modeling) return [];
  return drawMasks({ ...maskOptionsOf(recipe), pred_start_epoch: 0 }, recipe.seed, draw, indices, globals);
}

const DRAWS = 1000;
const STEPS = 40;
/** Patches that are drawn at most, so that huge grids take no longer. */
const MOST_PATCHES = 1 << 22;
/** A photo's shape. */
const SHAPE = [500, 375] as const;

/** How masks and areas spread over many draws. */
export function spreadOfDraws(recipe: Recipe): Result<'recipes.draws'> {
  const patches = (recipe.global_crops_size / recipe.patch_size) ** 2;
  const draws = Math.max(1, Math.min(DRAWS, Math.floor(MOST_PATCHES / patches)));
  const shares = masksOf(recipe, 0, Array.from({ length: draws }, (_, i) => i), 1).map(
    (mask) => mask.reduce((sum, patch) => sum + patch, 0) / patches,
  );
  const areas = (scale: readonly number[], stream: number): number[] =>
    Array.from({ length: DRAWS }, (_, i) => {
      const random = new Random(recipe.seed, Purpose.crop, stream, i);
      const { width, height } = drawBox(random, [scale[0]!, scale[1]!], ...SHAPE);
      return (width * height) / (SHAPE[0] * SHAPE[1]);
    });
  return {
    masked: histogramOf(shares),
    meanMasked: shares.length > 0 ? shares.reduce((sum, share) => sum + share, 0) / shares.length : 0,
    globalArea: histogramOf(areas(recipe.global_crops_scale, 0)),
    localArea: recipe.local_crops_number > 0 ? histogramOf(areas(recipe.local_crops_scale, 1)) : null,
  };
}

function histogramOf(shares: readonly number[]): Result<'recipes.draws'>['masked'] {
  const edges = Float64Array.from({ length: STEPS + 1 }, (_, i) => i / STEPS);
  const counts = new Uint32Array(STEPS);
  for (const share of shares) counts[Math.min(STEPS - 1, Math.floor(share * STEPS))]!++;
  return { edges, counts };
}
