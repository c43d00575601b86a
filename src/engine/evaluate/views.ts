/** Views for retrieval: random crops as training draws its large ones, flipped or not, without the changes of colour. */
import { drawBox, resample, type PackedPicture } from '../data';
import type { Random } from '../random';

/**
 * Draws a crop of a decoded picture.
 * @param scale least and greatest share of the picture's area
 * @returns [size, size, 3], 8 bits
 */
export function drawView(picture: PackedPicture, scale: readonly [number, number], size: number, random: Random): Uint8Array {
  const { width, height, fullWidth, fullHeight, words } = picture;
  const box = drawBox(random, scale, fullWidth, fullHeight);
  const flip = random.uniform() < 0.5;
  const raster = { width, height, channels: 4, data: new Uint8Array(words.buffer, words.byteOffset, words.byteLength) };
  // The whole picture at the size at which the box is size × size; only the box is computed.
  const across = size / box.width;
  const down = size / box.height;
  const wholeWidth = Math.max(size, Math.round(fullWidth * across));
  const wholeHeight = Math.max(size, Math.round(fullHeight * down));
  const { data } = resample(raster, wholeWidth, wholeHeight, {
    left: Math.min(wholeWidth - size, Math.round(box.left * across)),
    top: Math.min(wholeHeight - size, Math.round(box.top * down)),
    width: size,
    height: size,
  });
  return threeChannels(data, size, flip);
}

/** RGB of a square of RGBX bytes, mirrored if asked. */
function threeChannels(rgbx: Uint8Array, size: number, flip: boolean): Uint8Array {
  const rgb = new Uint8Array(size * size * 3);
  for (let y = 0, at = 0; y < size; y++) {
    for (let x = 0; x < size; x++, at += 3) {
      const from = 4 * (y * size + (flip ? size - 1 - x : x));
      for (let c = 0; c < 3; c++) rgb[at + c] = rgbx[from + c]!;
    }
  }
  return rgb;
}
