import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors';
import type { Manifest } from './manifest';

/** All pictures of a run went away at once: a disk was unplugged, a folder was moved. None of them is to blame. */
export class PicturesGoneError extends UserError {
  constructor(root: string) {
    super(`The pictures of this run are not at ${root} any more: put them back to go on.`);
    this.name = 'PicturesGoneError';
  }
}

/** @throws PicturesGoneError where the folder is not there, or empty as the place of a disk is that was unplugged */
export async function requirePictures({ root }: { readonly root: string }): Promise<void> {
  if (!(await holdsAnything(root))) throw new PicturesGoneError(root);
}

/** Pictures that are looked for, about. */
const LOOKED_FOR = 64;

/** Whether a folder holds the pictures of a manifest: most of some that are spread over it, by path and size. */
export async function holdsPictures({ pictures }: Manifest, folder: string): Promise<boolean> {
  const every = Math.max(1, Math.floor(pictures.length / LOOKED_FOR));
  const some = pictures.filter((_, i) => i % every === 0);
  const files = await Promise.all(some.map(({ path }) => stat(join(folder, path)).catch(() => undefined)));
  return files.filter((file, i) => file?.size === some[i]!.size).length > some.length / 2;
}

async function holdsAnything(root: string): Promise<boolean> {
  try {
    const folder = await opendir(root);
    try {
      return (await folder.read()) !== null;
    } finally {
      await folder.close();
    }
  } catch {
    return false;
  }
}
