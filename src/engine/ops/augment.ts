/**
 * Augmentation on the device: all crops of one size in five dispatches. The arithmetic is that of torchvision on Pillow
 * pictures (iBOT, `DataAugmentationiBOT` in `main_ibot.py`): every step rounds to 8 bits, as there.
 * Order: resized crop, flip, colour jitter, greyscale, blur, solarise, normalisation.
 */
import { spread, SPREAD_INDEX, type Dispatch, type Graph, type Kernel, type OpDefinition, type Tensor } from '../graph';
import { blurAndFinish, LARGEST_BLUR } from './blur';
import { colourSteps, FLAG } from './colour';
import { resizedCrop } from './resized-crop';

export type JitterStep = 'brightness' | 'contrast' | 'saturation' | 'hue';
const JITTER_CODES: readonly JitterStep[] = ['brightness', 'contrast', 'saturation', 'hue'];

/** How one crop is made. Lengths are in pixels of the decoded picture and may be fractions. */
export interface AugmentRecord {
  /** First pixel of the picture in the pixel buffer, and its size. */
  offset: number;
  pictureWidth: number;
  pictureHeight: number;
  /** The box; pixels outside ⌊left⌋ … ⌈left + width⌉ (and so down) are not looked at. */
  left: number;
  top: number;
  width: number;
  height: number;
  flip?: boolean;
  greyscale?: boolean;
  solarise?: boolean;
  /** Colour steps in their order (each at most once), with the factor of each; the hue's is a share of the circle. */
  jitter?: readonly (readonly [step: JitterStep, factor: number])[];
  /** Standard deviation in output pixels, 0 … 2.4; 0 is none. */
  blur?: number;
}

export const RECORD_WORDS = 16;
/** A jitter code that does nothing. */
const NO_STEP = 15;

/** Writes record `index` into `words` (RECORD_WORDS u32 each), as `augment` reads it. */
export function writeAugmentRecord(record: AugmentRecord, words: Uint32Array, index: number): void {
  const { blur = 0, jitter = [] } = record;
  if (!(blur >= 0 && blur <= LARGEST_BLUR)) throw new RangeError(`blur ${blur} is not in 0 … ${LARGEST_BLUR}`);
  const begin = index * RECORD_WORDS;
  const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
  words.fill(0, begin, begin + RECORD_WORDS);
  words.set([record.offset, record.pictureWidth, record.pictureHeight], begin);
  floats.set([record.left, record.top, record.width, record.height], begin + 3);
  words[begin + 7] =
    (record.flip ? FLAG.flip : 0) |
    (record.greyscale ? FLAG.greyscale : 0) |
    (record.solarise ? FLAG.solarise : 0) |
    (jitter.length > 0 ? FLAG.jitter : 0);
  let order = 0;
  for (let place = 0; place < 4; place++) {
    const step = jitter[place];
    const code = step ? JITTER_CODES.indexOf(step[0]) : NO_STEP;
    order |= code << (4 * place);
    if (step) floats[begin + 9 + code] = step[1];
  }
  words[begin + 8] = order;
  floats[begin + 13] = blur;
}

export interface Normalisation {
  mean: readonly [number, number, number];
  std: readonly [number, number, number];
}
export interface AugmentAttributes extends Normalisation {
  crops: number;
  size: number;
}

const normalisation = ({ mean, std }: Normalisation): Record<string, number> => ({
  meanR: mean[0],
  meanG: mean[1],
  meanB: mean[2],
  stdR: std[0],
  stdG: std[1],
  stdB: std[2],
});

const augmentOp: OpDefinition<AugmentAttributes> = {
  name: 'augment',
  outputs: (_, { crops, size }) => [{ shape: [crops, 3, size, size] }],
  lower: ({ inputs: [pixels, records], outputs: [images], attributes }, { scratch }): Dispatch[] => {
    const { crops, size } = attributes;
    // Rows of the pictures in between are padded to whole groups of four pixels.
    const groups = Math.ceil(size / 4);
    const image = scratch([crops, size, 4 * groups], 'u32');
    const fine = scratch([crops, size, 4 * groups], 'u32');
    const greySums = scratch([crops], 'u32');
    const params = { size, pitch: groups };
    const crop = resizedCrop(crops, size, 4 * groups);
    const colour = colourSteps(crops, size, groups);
    const blur = blurAndFinish(crops, size, groups);
    return [
      { ...crop, tensors: [pixels!, records!, image, greySums], params: { size, pitch: 4 * groups } },
      ...colour.kernels.map((kernel) => ({
        kernel,
        tensors: [image, records!, greySums],
        params,
        workgroups: colour.workgroups,
      })),
      { ...blur.rows, tensors: [image, records!, fine], params },
      { ...blur.finish, tensors: [image, records!, fine, images!], params: { ...params, ...normalisation(attributes) } },
    ];
  },
};

/** The side of the largest crop that the kernels cut, in pixels. */
export const LARGEST_CROP = 2048;

/**
 * Crops of one size from pictures that lie one after another in one buffer.
 * @param pixels u32 [capacity], r | g << 8 | b << 16 each
 * @param records u32 [crops · RECORD_WORDS], see `writeAugmentRecord`
 * @returns f32 [crops, 3, size, size], normalised
 */
export function augment(graph: Graph, pixels: Tensor, records: Tensor, attributes: AugmentAttributes): Tensor {
  const { crops, size } = attributes;
  if (records.size !== crops * RECORD_WORDS) throw new Error(`augment: ${records.size} record words for ${crops} crops`);
  if (crops > 65535 || size < 1 || size > LARGEST_CROP) throw new Error(`augment: ${crops} crops of ${size} pixels are out of range`);
  return graph.one(augmentOp, [pixels, records], attributes);
}

/** Pictures that are cropped already, unpacked and normalised. */
const unpackKernel: Kernel = {
  key: 'unpack-and-normalise',
  bindings: ['pixels: u32', 'images: f32'],
  params: ['size', 'area', 'meanR: f32', 'meanG: f32', 'meanB: f32', 'stdR: f32', 'stdG: f32', 'stdB: f32'],
  workgroup: [64, 1, 1],
  main: `
  let begin = (${SPREAD_INDEX} * 64u + lane) * 4u;
  for (var i = begin; i < min(begin + 4u, p.size); i++) {
    let v = pixels[i];
    let at = i / p.area * 3u * p.area + i % p.area;
    images[at] = (f32(v & 255u) / 255.0 - p.meanR) / p.stdR;
    images[at + p.area] = (f32((v >> 8u) & 255u) / 255.0 - p.meanG) / p.stdG;
    images[at + 2u * p.area] = (f32((v >> 16u) & 255u) / 255.0 - p.meanB) / p.stdB;
  }`,
};

const unpackOp: OpDefinition<Normalisation & { pictures: number; height: number; width: number }> = {
  name: 'centreCropNormalise',
  outputs: (_, { pictures, height, width }) => [{ shape: [pictures, 3, height, width] }],
  lower: ({ inputs: [pixels], outputs, attributes }) => {
    const area = attributes.height * attributes.width;
    const size = attributes.pictures * area;
    return [
      {
        kernel: unpackKernel,
        tensors: [pixels!, outputs[0]!],
        params: { size, area, ...normalisation(attributes) },
        workgroups: spread(Math.ceil(size / 256)),
      },
    ];
  },
};

/**
 * Pictures for evaluation and inspection, resized and centre-cropped by the decoder.
 * @param pixels u32 [N, height·width], r | g << 8 | b << 16 each
 * @param attributes `size` for a square, or [height, width]
 * @returns f32 [N, 3, height, width], normalised
 */
export function centreCropNormalise(
  graph: Graph,
  pixels: Tensor,
  attributes: Normalisation & { size: number | readonly [number, number] },
): Tensor {
  const { size, mean, std } = attributes;
  const [height, width] = typeof size === 'number' ? [size, size] : size;
  const pictures = pixels.size / (height * width);
  if (!Number.isInteger(pictures)) {
    throw new Error(`centreCropNormalise: ${pixels.size} pixels are no pictures of ${height}×${width}`);
  }
  return graph.one(unpackOp, [pixels], { mean, std, pictures, height, width });
}
