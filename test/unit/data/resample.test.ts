import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { resample, type Raster } from '../../../src/engine/data';
import { readSafetensors } from '../../../src/engine/formats';
import { gradientPixels } from './pictures';

const folder = new URL('../../reference/augmentations/', import.meta.url);
interface CropStep {
  input: string;
  top_left_height_width: [number, number, number, number];
  size: number;
  output: string;
}
const parameters = JSON.parse(readFileSync(new URL('parameters.json', folder), 'utf8')) as {
  crops: CropStep[];
  chains: Record<string, { input: string; steps: (Omit<CropStep, 'input'> & { op: string })[] }>;
};
const read = (name: string): ReturnType<typeof readSafetensors> => readSafetensors(fileURLToPath(new URL(name, folder)));
const cases: CropStep[] = [
  ...parameters.crops,
  ...Object.values(parameters.chains).flatMap(({ input, steps }) =>
    steps.filter(({ op }) => op === 'resized_crop').map((step) => ({ ...step, input })),
  ),
];

const cut = ({ width, channels, data }: Raster, left: number, top: number, w: number, h: number): Raster => {
  const rows = Array.from({ length: h }, (_, y) => [
    ...data.subarray(((top + y) * width + left) * channels, ((top + y) * width + left + w) * channels),
  ]);
  return { width: w, height: h, channels, data: Uint8Array.from(rows.flat()) };
};

describe('resample', () => {
  it.each(cases)('is Pillow’s bicubic bit for bit: $output', async ({ input, top_left_height_width: [top, left, h, w], size, output }) => {
    const picture = (await read('inputs.safetensors')).tensors.get(input)!;
    const expected = (await read('expected.safetensors')).tensors.get(output)!;
    const [height, width] = picture.shape as [number, number];
    const source = cut({ width, height, channels: 3, data: picture.data as Uint8Array }, left, top, w, h);
    const { data } = resample(source, size, size);
    // The reference is [3, size, size].
    const planar = Uint8Array.from({ length: data.length }, (_, i) => data[(i % (size * size)) * 3 + Math.floor(i / (size * size))]!);
    expect(planar).toEqual(expected.data);
  });

  it('computes a window of the result without the rest', () => {
    const source: Raster = { width: 37, height: 23, channels: 3, data: gradientPixels(37, 23) };
    const whole = resample(source, 61, 15);
    expect(resample(source, 61, 15, { left: 20, top: 4, width: 19, height: 7 })).toEqual(cut(whole, 20, 4, 19, 7));
  });

  it('keeps a picture of the same size, and a constant one at any size', () => {
    const source: Raster = { width: 9, height: 5, channels: 3, data: gradientPixels(9, 5) };
    expect(resample(source, 9, 5)).toEqual(source);
    const flat = { width: 1, height: 1, channels: 3, data: Uint8Array.of(3, 200, 255) };
    expect(new Set(resample(flat, 50, 3).data)).toEqual(new Set([3, 200, 255]));
  });
});
