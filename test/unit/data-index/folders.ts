/** Small folders of pictures, and datasets of them, for tests of the index. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { DecodePool } from '../../../src/engine/data';
import {
  DatasetIndex,
  scanDataset,
  Thumbnails,
  type IndexedDataset,
  type LabelSource,
} from '../../../src/engine/data/index/index';
import { Purpose, Random } from '../../../src/engine/random';
import { temporaryFolder } from '../../support/temporary-folder';

export const pool = new DecodePool({ workers: 0 });

/** Blobs of colour that are different for each seed. */
export function picture(seed: number, width = 96, height = 72): Sharp {
  const random = new Random(seed, Purpose.test);
  const small = Uint8Array.from({ length: 8 * 6 * 3 }, () => Math.floor(random.uniform() * 256));
  return sharp(small, { raw: { width: 8, height: 6, channels: 3 } }).resize(width, height, { kernel: 'cubic' });
}

export function put(folder: string, path: string, bytes: Uint8Array | string): string {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  return file;
}

/** Two classes: birds (3 pictures) and fish (2). */
export async function twoClasses(): Promise<string> {
  const folder = temporaryFolder();
  for (const [i, path] of ['birds/a.jpg', 'birds/b.png', 'birds/c.webp', 'fish/d.jpg', 'fish/e.jpg'].entries()) {
    const image = picture(i + 1, 80 + 20 * i, 72);
    const encoded = path.endsWith('png') ? image.png() : path.endsWith('webp') ? image.webp() : image.jpeg();
    put(folder, path, await encoded.toBuffer());
  }
  return folder;
}

export interface Library {
  readonly folder: string;
  readonly index: DatasetIndex;
  readonly thumbnails: Thumbnails;
}

export function openLibrary(folder = temporaryFolder()): Library {
  const index = DatasetIndex.open(join(folder, 'library.db'), [folder]);
  return { folder, index, thumbnails: new Thumbnails(join(folder, 'cache'), pool) };
}

export async function scan(dataset: IndexedDataset, library: Library, signal = new AbortController().signal): Promise<void> {
  await scanDataset(dataset, { pool, thumbnails: library.thumbnails, signal, report: () => undefined });
}

export async function indexed(
  folder: string,
  labels: LabelSource = { kind: 'folders' },
): Promise<{ library: Library; dataset: IndexedDataset }> {
  const library = openLibrary();
  const { dataset } = await library.index.add(folder, labels);
  await scan(dataset, library);
  return { library, dataset };
}

/** Paths that a filter shows. */
export const pathsOf = (dataset: IndexedDataset, ids: Uint32Array): string[] => dataset.paths.of(ids);
