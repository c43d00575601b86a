import { describe, expect, it } from 'vitest';
import { evaluationShortSide, readForEvaluation, readThumbnail, resample, resizeAndCrop } from '../../../src/engine/data';
import { temporaryFolder } from '../../support/temporary-folder';
import { gradientPixels, picture, put } from './pictures';

describe('evaluation transform', () => {
  it('resizes the short side to 8/7 of the size', () => {
    expect([224, 32, 96].map(evaluationShortSide)).toEqual([256, 37, 110]);
  });

  it.each([
    // Width, height, size; then Resize((height, width)) and CenterCrop's top and left as torchvision computes them.
    [100, 75, 28, [32, 42], [2, 7]],
    [75, 100, 28, [42, 32], [7, 2]],
    [50, 50, 49, [56, 56], [4, 4]],
    // (35 − 28) / 2 = 3.5 and (37 − 28) / 2 = 4.5 both round to 4.
    [64, 70, 28, [35, 32], [4, 2]],
    [64, 75, 28, [37, 32], [4, 2]],
  ])('of %i × %i to %i is Resize and CenterCrop', async (width, height, size, [tall, wide], [top, left]) => {
    const file = await put(temporaryFolder(), 'a.png', await picture(width, height).png().toBuffer());
    const whole = resample({ width, height, channels: 3, data: gradientPixels(width, height) }, wide!, tall!);
    const expected = Array.from({ length: size }, (_, y) => [
      ...whole.data.subarray(((top! + y) * wide! + left!) * 3, ((top! + y) * wide! + left! + size) * 3),
    ]).flat();
    expect([...(await readForEvaluation(file, size))]).toEqual(expected);
  });

  it('costs no more for a long, thin picture than its centre', async () => {
    const file = await put(temporaryFolder(), 'a.png', await picture(1, 9000).png().toBuffer());
    expect(await readForEvaluation(file, 224)).toHaveLength(224 * 224 * 3);
  });

  it('stays close to the exact transform when a large picture is shrunk first', async () => {
    const file = await put(temporaryFolder(), 'a.png', await picture(700, 500).png().toBuffer());
    const raster = { width: 700, height: 500, channels: 3, data: gradientPixels(700, 500) };
    const exact = resizeAndCrop(raster, raster, 28, 32);
    const found = await readForEvaluation(file, 28);
    const differences = found.map((value, i) => Math.abs(value - exact[i]!));
    expect(Math.max(...differences)).toBeLessThanOrEqual(8);
    expect(differences.reduce((sum, value) => sum + value, 0) / differences.length).toBeLessThan(2);
  });

  it('makes thumbnails of the centre', async () => {
    const file = await put(temporaryFolder(), 'a.png', await picture(48, 24).png().toBuffer());
    const thumbnail = await readThumbnail(file, 24);
    const row = gradientPixels(48, 24).subarray(12 * 3, 36 * 3);
    expect([...thumbnail.subarray(0, 24 * 3)]).toEqual([...row]);
    expect(thumbnail).toHaveLength(24 * 24 * 3);
  });
});
