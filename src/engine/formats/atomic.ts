/** Files that are either complete or absent: written under a temporary name in the same folder, flushed, renamed. */
import { open, rename, unlink, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../errors';

let temporaryNames = 0;

/** Says in one sentence what the system's error code means for this file; unknown errors pass through unchanged. */
export function fileError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error instanceof UserError || !('code' in error)) return error;
  switch (error.code) {
    case 'ENOENT':
      return new UserError(`There is no such file or folder: ${path}`);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new UserError(`This program may not use ${path}: check its permissions, or choose another place.`);
    case 'ENOSPC':
    case 'EDQUOT':
      return new UserError(`The disk is full, ${path} could not be written: free some space or choose another place.`);
    case 'EISDIR':
      return new UserError(`${path} is a folder, not a file.`);
    case 'ENOTDIR':
      return new UserError(`A part of the path ${path} is a file, not a folder.`);
    default:
      return error;
  }
}

/**
 * Writes `path` through `write(handle)`. Until the end the file has a temporary name; a reader sees the old file or
 * the new one, whole, also after a power cut. If writing fails, the old file stays and the temporary one goes.
 */
export async function writeAtomically(path: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}.${temporaryNames++}.partial`);
  try {
    const handle = await open(temporary, 'w');
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw fileError(error, path);
  }
  await syncFolder(folder);
}

/** `writeAtomically` for contents at hand. */
export function writeFileAtomic(path: string, contents: string | Uint8Array): Promise<void> {
  return writeAtomically(path, (handle) => handle.writeFile(contents));
}

/** Makes the rename itself durable. Windows cannot open folders, and some network file systems refuse to flush them. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // The file is complete either way; only its name may be lost in a power cut.
  }
}
