import { opendir } from 'node:fs/promises';
import { UserError } from '../errors';

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
