/**
 * Panels on disk, in the run's folder `panels`: `pictures.safetensors` (the pictures as the network sees them), one
 * `step-N.safetensors` per panel (attention maps, patch features in 8 bits), and `basis.safetensors` (the directions that
 * become colours, the same for all).
 */
import { mkdir, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { colours, type ColourBasis } from '../evaluate';
import { openSafetensors, readSafetensors, toFloat32, writeSafetensors, type SafetensorsContents } from '../formats';

export interface PanelPictures {
  /** Below the manifest's root. */
  paths: string[];
  size: number;
  patchSize: number;
  /** RGB, size × size × 3 bytes each. */
  rgb: Uint8Array[];
}

export interface PanelHead {
  step: number;
  /** A fraction. */
  epoch: number;
  /** Milliseconds since 1970. */
  at: number;
}

export interface Panel extends PanelHead {
  /** Per picture: [patches] bytes, as `attentionShades` makes them. */
  attention: Uint8Array[];
  /** Per picture: [patches, 4] bytes of colour. */
  colours: Uint8Array[];
}

export interface PanelContents extends PanelHead {
  /** [pictures, patches] */
  attention: Uint8Array;
  /** [pictures · patches, D] */
  features: Float32Array;
}

const picturesSchema = z.object({
  paths: z.string().transform((text, context) => {
    try {
      return z.array(z.string()).parse(JSON.parse(text));
    } catch {
      context.addIssue({ code: 'custom', message: 'is not a list of paths' });
      return z.NEVER;
    }
  }),
  patchSize: z.coerce.number().int().positive(),
});

const PICTURES = 'pictures.safetensors';
const BASIS = 'basis.safetensors';
const NAME = /^step-(\d{8,})\.safetensors$/;
const panelFile = (folder: string, step: number): string => join(folder, `step-${String(step).padStart(8, '0')}.safetensors`);

/** Steps of the panels that are there, ascending; none where there is no folder. */
export async function panelSteps(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names.flatMap((name) => Number(NAME.exec(name)?.[1] ?? NaN)).filter(Number.isFinite).sort((a, b) => a - b);
}

export const removePanel = (folder: string, step: number): Promise<void> =>
  unlink(panelFile(folder, step)).catch(() => undefined);

export async function writePictures(folder: string, { paths, size, patchSize, rgb }: PanelPictures): Promise<void> {
  await mkdir(folder, { recursive: true });
  const data = new Uint8Array(rgb.length * size * size * 3);
  rgb.forEach((each, i) => data.set(each, i * size * size * 3));
  const entries = [{ name: 'rgb', dtype: 'U8' as const, shape: [rgb.length, size, size, 3], data }];
  await writeSafetensors(join(folder, PICTURES), entries, { paths: JSON.stringify(paths), patchSize: String(patchSize) });
}

/** Undefined where there are none that can be read. */
export async function readPictures(folder: string): Promise<PanelPictures | undefined> {
  const file = await readOrNone(join(folder, PICTURES));
  const rgb = file?.tensors.get('rgb');
  const about = picturesSchema.safeParse(file?.metadata).data;
  if (!rgb || !about) return undefined;
  const [count = 0, size = 0] = rgb.shape;
  const bytes = bytesOf(rgb.data);
  if (about.paths.length !== count || bytes.length !== count * size * size * 3 || size % about.patchSize !== 0) return undefined;
  return {
    ...about,
    size,
    rgb: Array.from({ length: count }, (_, i) => bytes.slice(i * size * size * 3, (i + 1) * size * size * 3)),
  };
}

/** @param features [rows, D] */
export async function writePanel(folder: string, pictures: number, panel: PanelContents): Promise<void> {
  const { step, epoch, at, attention, features } = panel;
  const rows = attention.length;
  const dimension = features.length / rows;
  const { bytes, scale } = quantised(features, dimension);
  await writeSafetensors(
    panelFile(folder, step),
    [
      { name: 'attention', dtype: 'U8', shape: [pictures, rows / pictures], data: attention },
      { name: 'features', dtype: 'I8', shape: [rows, dimension], data: bytes },
      { name: 'scale', dtype: 'F32', shape: [dimension], data: scale },
    ],
    { step: String(step), epoch: String(epoch), at: String(at) },
  );
}

/**
 * Undefined where there is none of that step that can be read.
 * @param only the one picture that is wanted; the others are empty then
 */
export async function readPanel(folder: string, step: number, basis: ColourBasis, only?: number): Promise<Panel | undefined> {
  const file = await readOrNone(panelFile(folder, step));
  const attention = file?.tensors.get('attention');
  const features = file?.tensors.get('features');
  const scale = file?.tensors.get('scale');
  if (!file || !attention || !features || !scale) return undefined;
  const [pictures = 0, patches = 0] = attention.shape;
  const factors = toFloat32(scale);
  const dimension = factors.length;
  const width = patches * dimension;
  const bytes = features.data;
  if (!(bytes instanceof Int8Array) || bytes.length !== pictures * width || basis.mean.length !== dimension) return undefined;
  const maps = bytesOf(attention.data);
  const panel: Panel = { ...headOf(file, step), attention: [], colours: [] };
  for (let i = 0; i < pictures; i++) {
    const isWanted = only === undefined || only === i;
    const rows = Float32Array.from(isWanted ? bytes.subarray(i * width, (i + 1) * width) : [], (x, at) => x * factors[at % dimension]!);
    panel.attention.push(isWanted ? maps.slice(i * patches, (i + 1) * patches) : new Uint8Array());
    panel.colours.push(colours(rows, dimension, basis));
  }
  return panel;
}

/** Head of a panel without its contents; undefined where it cannot be read. */
export async function readPanelHead(folder: string, step: number): Promise<PanelHead | undefined> {
  const file = await openSafetensors(panelFile(folder, step)).catch(() => undefined);
  if (!file) return undefined;
  await file.close();
  return headOf(file, step);
}

export async function writeBasis(folder: string, basis: ColourBasis, step: number): Promise<void> {
  const { mean, directions, low, high } = basis;
  const dimension = mean.length;
  await writeSafetensors(
    join(folder, BASIS),
    [
      { name: 'mean', dtype: 'F32', shape: [dimension], data: mean },
      { name: 'directions', dtype: 'F32', shape: [3, dimension], data: directions },
      { name: 'low', dtype: 'F32', shape: [3], data: low },
      { name: 'high', dtype: 'F32', shape: [3], data: high },
    ],
    { step: String(step) },
  );
}

/** With the step at which it was taken. */
export async function readBasis(folder: string): Promise<(ColourBasis & { step: number }) | undefined> {
  const file = await readOrNone(join(folder, BASIS));
  const tensor = (name: string): Float32Array | undefined => {
    const found = file?.tensors.get(name);
    return found && toFloat32(found);
  };
  const [mean, directions, low, high] = [tensor('mean'), tensor('directions'), tensor('low'), tensor('high')];
  return mean && directions && low && high ? { mean, directions, low, high, step: Number(file?.metadata?.step ?? 0) } : undefined;
}

const headOf = ({ metadata }: Pick<SafetensorsContents, 'metadata'>, step: number): PanelHead => ({
  step,
  epoch: Number(metadata.epoch ?? 0),
  at: Number(metadata.at ?? 0),
});

async function readOrNone(path: string): Promise<SafetensorsContents | undefined> {
  try {
    return await readSafetensors(path);
  } catch {
    return undefined;
  }
}

const bytesOf = (data: ArrayBufferView): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Eight bits a value, with one factor for each column: enough for colours. */
function quantised(features: Float32Array, dimension: number): { bytes: Int8Array; scale: Float32Array } {
  const scale = new Float32Array(dimension);
  features.forEach((x, i) => (scale[i % dimension] = Math.max(scale[i % dimension]!, Math.abs(x))));
  for (let i = 0; i < dimension; i++) scale[i] = Number.isFinite(scale[i]) && scale[i]! > 0 ? scale[i]! / 127 : 1;
  return { bytes: Int8Array.from(features, (x, i) => Math.round(x / scale[i % dimension]!)), scale };
}
