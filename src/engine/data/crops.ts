/**
 * The random decisions of the augmentation: crop boxes and what is done to each crop. Source: `DataAugmentationiBOT`
 * (main_ibot.py), `GaussianBlur` and `Solarization` (utils.py), torchvision's RandomResizedCrop and ColorJitter.
 */
import { Purpose, Random } from '../random';
import { roundHalfEven } from './rounding';

/** Named as the original's options. */
export interface CropOptions {
  readonly global_crops_number: number;
  /** Smallest and largest share of the picture's area. */
  readonly global_crops_scale: readonly [number, number];
  /** Pixels per side of the result. */
  readonly global_crops_size: number;
  readonly local_crops_number: number;
  readonly local_crops_scale: readonly [number, number];
  readonly local_crops_size: number;
  /** Least and greatest standard deviation of the blur, in pixels of the result. Default: the original's 0.1 to 2. */
  readonly blur_radius?: readonly [number, number];
}

/** Whole pixels of the full-size, upright picture. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface Jitter {
  /** 0 brightness, 1 contrast, 2 saturation, 3 hue, in the order in which they are applied. */
  readonly order: readonly number[];
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  /** A share of the whole circle, −0.1 … 0.1. */
  readonly hue: number;
}

/** Operations in the order in which they are applied: crop, flip, jitter, grayscale, blur, solarise. */
export interface Crop extends Box {
  readonly isGlobal: boolean;
  /** Pixels per side of the result. */
  readonly size: number;
  readonly flip: boolean;
  readonly jitter: Jitter | undefined;
  readonly grayscale: boolean;
  /** Standard deviation in pixels of the result, 0 for none. */
  readonly blur: number;
  readonly solarise: boolean;
}

/** torchvision's RandomResizedCrop.get_params: ten tries, then the largest centre crop within the aspect range. */
export function drawBox(random: Random, scale: readonly [number, number], width: number, height: number): Box {
  const [narrowest, widest] = [3 / 4, 4 / 3];
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = width * height * random.between(scale[0], scale[1]);
    const aspect = Math.exp(random.between(Math.log(narrowest), Math.log(widest)));
    const w = roundHalfEven(Math.sqrt(area * aspect));
    const h = roundHalfEven(Math.sqrt(area / aspect));
    if (w > 0 && w <= width && h > 0 && h <= height) {
      const top = random.integer(height - h + 1);
      return { left: random.integer(width - w + 1), top, width: w, height: h };
    }
  }
  const aspect = width / height;
  // Where rounding gives 0 (a picture 1 pixel high or wide never does), torchvision would fail.
  const w = aspect > widest ? Math.max(1, roundHalfEven(height * widest)) : width;
  const h = aspect < narrowest ? Math.max(1, roundHalfEven(width / narrowest)) : height;
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}

/**
 * All crops of one picture in one epoch: the global ones, then the local ones. Depends on nothing but the arguments.
 * @param width, height the full-size, upright picture's.
 */
export function drawCrops(
  options: CropOptions,
  seed: number,
  epoch: number,
  pictureIndex: number,
  width: number,
  height: number,
): Crop[] {
  const radius = options.blur_radius ?? ORIGINAL_BLUR;
  const random = new Random(seed, Purpose.crop, epoch, pictureIndex);
  const crops: Crop[] = [];
  for (let i = 0; i < options.global_crops_number; i++) {
    // The original's first global crop is always blurred and never solarised; all others are treated as its second.
    const box = drawBox(random, options.global_crops_scale, width, height);
    const [blur, solarise] = i === 0 ? [1, 0] : [0.1, 0.2];
    crops.push({ ...box, isGlobal: true, size: options.global_crops_size, ...drawColours(random, blur, solarise, radius) });
  }
  for (let i = 0; i < options.local_crops_number; i++) {
    const box = drawBox(random, options.local_crops_scale, width, height);
    crops.push({ ...box, isGlobal: false, size: options.local_crops_size, ...drawColours(random, 0.5, 0, radius) });
  }
  return crops;
}

const ORIGINAL_BLUR = [0.1, 2] as const;

type Colours = Pick<Crop, 'flip' | 'jitter' | 'grayscale' | 'blur' | 'solarise'>;

function drawColours(
  random: Random,
  blurProbability: number,
  solariseProbability: number,
  [softest, strongest]: readonly [number, number],
): Colours {
  const flip = random.uniform() < 0.5;
  const jitter = random.uniform() < 0.8 ? drawJitter(random) : undefined;
  const grayscale = random.uniform() < 0.2;
  const blur = random.uniform() < blurProbability ? random.between(softest, strongest) : 0;
  const solarise = random.uniform() < solariseProbability;
  return { flip, jitter, grayscale, blur, solarise };
}

function drawJitter(random: Random): Jitter {
  return {
    order: [...random.permutation(4)],
    brightness: random.between(0.6, 1.4),
    contrast: random.between(0.6, 1.4),
    saturation: random.between(0.8, 1.2),
    hue: random.between(-0.1, 0.1),
  };
}

/** The largest shrink of a picture (at least 1) that leaves every crop's box at least as large as its result. */
export function largestShrink(crops: readonly Crop[]): number {
  return Math.max(1, Math.min(...crops.map(({ width, height, size }) => Math.min(width, height) / size)));
}

/** Where a crop's picture lies: in the pixel buffer (offset in pixels), and how large it was and is. */
export interface PlacedPicture {
  readonly offset: number;
  readonly width: number;
  readonly height: number;
  readonly fullWidth: number;
  readonly fullHeight: number;
}

/** 32-bit words per crop in `encodeCrops`. */
export const CROP_WORDS = 16;

/**
 * Crops for the device, `CROP_WORDS` words each (u = u32, f = f32 bits): 0 u offset of the picture in the pixel buffer
 * (pixels), 1 u its width, 2 u its height, 3 f left, 4 f top, 5 f width, 6 f height of the box (pixels of the decoded,
 * maybe smaller picture), 7 u flags (bit 0 flip, 1 grayscale, 2 solarise, 3 jitter), 8 u jitter order (4 bits each,
 * first operation lowest), 9 f brightness, 10 f contrast, 11 f saturation, 12 f hue, 13 f blur (0 = none), 14, 15 zero.
 * @param placed the picture of each crop.
 */
export function encodeCrops(crops: readonly Crop[], placed: readonly PlacedPicture[]): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(crops.length * CROP_WORDS);
  const floats = new Float32Array(words.buffer);
  crops.forEach((crop, i) => {
    const picture = placed[i]!;
    const at = i * CROP_WORDS;
    const across = picture.width / picture.fullWidth;
    const down = picture.height / picture.fullHeight;
    words.set([picture.offset, picture.width, picture.height], at);
    floats.set([crop.left * across, crop.top * down, crop.width * across, crop.height * down], at + 3);
    const { jitter } = crop;
    words[at + 7] = Number(crop.flip) | (Number(crop.grayscale) << 1) | (Number(crop.solarise) << 2) | (jitter ? 8 : 0);
    if (jitter) {
      words[at + 8] = jitter.order.reduce((packed, operation, place) => packed | (operation << (4 * place)), 0);
      floats.set([jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue], at + 9);
    }
    floats[at + 13] = crop.blur;
  });
  return words;
}
