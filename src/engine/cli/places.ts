/** Where a path really leads, links followed. */
import { realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';

/** The true place of a path whose last parts need not exist yet. */
async function truePath(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    return await realpath(absolute);
  } catch {
    const parent = dirname(absolute);
    return parent === absolute ? absolute : join(await truePath(parent), basename(absolute));
  }
}

/** Whether `path` is `folder` or lies below it, on whatever way. */
export async function isInside(path: string, folder: string): Promise<boolean> {
  const way = relative(await truePath(folder), await truePath(path));
  return !isAbsolute(way) && way.split(sep)[0] !== '..';
}
