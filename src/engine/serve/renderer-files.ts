import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { UserError } from '../errors';
import { fileTypes } from '../protocol/window-files';

const worthPacking = new Set(['.html', '.js', '.css', '.json', '.svg', '.wasm']);
const pack = promisify(gzip);

export interface RendererFile {
  type: string;
  bytes: Uint8Array;
  /** The same, gzip; undefined where that is no smaller. */
  packed(): Promise<Uint8Array | undefined>;
  /** Named by its content. */
  fixed: boolean;
}

/**
 * The built window, read once: so a request's path is looked up in a list and never becomes a path of the file system, and a build
 * that is made meanwhile does not mix with this one. Links are left out.
 * @returns by path below the folder, '/' between the parts
 * @throws UserError where there is no built window
 */
export async function readRenderer(folder: string): Promise<ReadonlyMap<string, RendererFile>> {
  const files = new Map<string, RendererFile>();
  const walk = async (below: string): Promise<void> => {
    for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) await walk(path);
      const type = fileTypes[extname(entry.name)];
      if (entry.isFile() && type !== undefined) files.set(path, fileOf(path, type, await readFile(join(folder, path))));
    }
  };
  await walk('').catch(() => files.clear());
  if (!files.has('index.html')) throw new UserError('The window is not built yet: npm start builds it.');
  return files;
}

function fileOf(path: string, type: string, bytes: Uint8Array): RendererFile {
  let made: Promise<Uint8Array | undefined> | undefined;
  const packed = async (): Promise<Uint8Array | undefined> => {
    if (!worthPacking.has(extname(path))) return undefined;
    const smaller = await pack(bytes);
    return smaller.byteLength < bytes.byteLength ? smaller : undefined;
  };
  return { type, bytes, packed: () => (made ??= packed()), fixed: path.startsWith('assets/') };
}
