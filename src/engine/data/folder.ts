/**
 * Finds the pictures of a folder. Nothing is opened: a file counts by its extension here, and by its content when it
 * is decoded. The folder is only read, never written to.
 */
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { UserError } from '../errors';
import { fileReason, type Problem } from './problems';

export interface FoundPicture {
  /** Relative to the root, '/' between its parts. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Time of the last change, whole milliseconds since 1970. */
  readonly modified: number;
}

export interface Scan {
  /** Absolute, with links resolved. */
  readonly root: string;
  /** Sorted by path in code-unit order. */
  readonly pictures: FoundPicture[];
  /** Folders that cannot be read, links that lead nowhere or back up, names that are not text. */
  readonly problems: Problem[];
}

const EXTENSIONS = new Set('jpg jpeg jpe jfif png webp tif tiff gif avif bmp dib pbm pgm ppm pnm'.split(' '));

interface Folder {
  /** Relative path as bytes of the file system; empty for the root. */
  readonly bytes: Buffer;
  readonly path: string;
}

export interface ScanOptions {
  /** Links out of the folder are problems: for sets whose files are shown to others. */
  readonly stayInside?: boolean;
  /** No pictures are an answer too. */
  readonly mayBeEmpty?: boolean;
  readonly signal?: AbortSignal;
  /** Called for each folder, with the pictures found so far. */
  readonly onProgress?: (found: number) => void;
}

/**
 * All pictures under `folder`, following links. A folder is entered once, however many links lead to it, and under
 * its own name where it has one inside `folder`; a link that leads back up is not followed.
 * @throws UserError when the folder cannot be read or holds no picture; the signal's reason.
 */
export async function scanFolder(folder: string, options: ScanOptions = {}): Promise<Scan> {
  const root = await openRoot(folder);
  const walk = new Walk(root, options);
  await walk.run();
  const byPath = (a: { path: string }, b: { path: string }): number => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
  walk.problems.sort(byPath);
  if (walk.pictures.length === 0 && !options.mayBeEmpty) {
    const found = walk.problems.length > 0 ? ` (${walk.problems.length} entries could not be read)` : '';
    const kinds = 'JPEG, PNG, WebP, TIFF, GIF, AVIF, BMP or PNM';
    throw new UserError(`There are no pictures in ${folder}${found}: choose a folder with ${kinds} files.`);
  }
  return { root, pictures: walk.pictures.sort(byPath), problems: walk.problems };
}

/** The reason of a link that is not followed with `stayInside`. */
export const LEADS_OUT = 'a link that leads out of the folder';

/** Whether a path is the folder or lies below it; both real paths. */
export const isInside = (root: string, path: string): boolean =>
  path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);

/**
 * Where a picture of a listed folder lies, with links resolved; undefined: gone, or by a link that leads out of the folder. What is
 * shown is read from here: a file may have become such a link since it was listed.
 * @param root with links resolved
 */
export async function placeInside(root: string, path: string): Promise<string | undefined> {
  const place = await realpath(join(root, path)).catch(() => undefined);
  return place !== undefined && place !== root && isInside(root, place) ? place : undefined;
}

async function openRoot(folder: string): Promise<string> {
  try {
    const root = await realpath(folder);
    if ((await stat(root)).isDirectory()) return root;
  } catch (error) {
    throw new UserError(`The folder ${folder} cannot be read (${fileReason(error)}): check its name and its permissions.`);
  }
  throw new UserError(`${folder} is a file: choose a folder with pictures.`);
}

class Walk {
  readonly pictures: FoundPicture[] = [];
  readonly problems: Problem[] = [];
  private readonly visited = new Set<string>();
  /** Links to folders wait until every real folder was seen, so that these keep their own names. */
  private readonly linked: Folder[] = [];
  private readonly rootBytes: Buffer;

  constructor(
    private readonly root: string,
    private readonly options: ScanOptions,
  ) {
    this.rootBytes = Buffer.from(root.endsWith(sep) ? root : root + sep);
  }

  async run(): Promise<void> {
    await this.enter({ bytes: Buffer.alloc(0), path: '' });
    for (let next = this.linked.shift(); next; next = this.linked.shift()) {
      // The link may have gone since it was seen; `enter` then says so.
      const target = await realpath(this.absolute(next)).catch(() => undefined);
      const leadsUp = target !== undefined && this.isAbove(target);
      if (leadsUp) this.problems.push({ path: next.path, reason: 'a link that leads back up' });
      else await this.enter(next);
    }
  }

  private absolute(entry: Folder): Buffer {
    return Buffer.concat([this.rootBytes, entry.bytes]);
  }

  private isAbove(target: string): boolean {
    return `${this.root}${sep}`.startsWith(target.endsWith(sep) ? target : target + sep);
  }

  private async isInside(link: Folder): Promise<boolean> {
    return isInside(this.root, await realpath(this.absolute(link)));
  }

  private async enter(start: Folder): Promise<void> {
    const waiting = [start];
    for (let folder = waiting.pop(); folder; folder = waiting.pop()) {
      this.options.signal?.throwIfAborted();
      this.options.onProgress?.(this.pictures.length);
      try {
        const { dev, ino } = await stat(this.absolute(folder), { bigint: true });
        const key = `${dev}:${ino}`;
        if (this.visited.has(key)) continue;
        this.visited.add(key);
        for (const inner of await this.readFolder(folder)) waiting.push(inner);
      } catch (error) {
        this.problems.push({ path: folder.path || '.', reason: fileReason(error) });
      }
    }
  }

  /** Takes the pictures of one folder; gives its real sub-folders, last first, for a stack. */
  private async readFolder(folder: Folder): Promise<Folder[]> {
    const entries = await readdir(this.absolute(folder), { withFileTypes: true, encoding: 'buffer' });
    entries.sort((a, b) => Buffer.compare(b.name, a.name));
    const folders: Folder[] = [];
    for (const entry of entries) {
      const name = entry.name.toString('utf8');
      if (name.startsWith('.')) continue;
      const bytes = folder.bytes.length > 0 ? Buffer.concat([folder.bytes, Buffer.from('/'), entry.name]) : entry.name;
      const found: Folder = { bytes, path: folder.path ? `${folder.path}/${name}` : name };
      if (!Buffer.from(name, 'utf8').equals(entry.name)) {
        // The manifest is text, and such a name could not be found again from it.
        if (!entry.isDirectory() && !isPictureName(name)) continue;
        this.problems.push({ path: found.path, reason: 'its name is not valid UTF-8' });
      } else if (entry.isDirectory()) folders.push(found);
      else if (entry.isSymbolicLink()) await this.readLink(found, name);
      else if (entry.isFile() && isPictureName(name)) await this.addPicture(found);
    }
    return folders;
  }

  private async readLink(link: Folder, name: string): Promise<void> {
    try {
      const target = await stat(this.absolute(link));
      if (this.options.stayInside && !(await this.isInside(link))) {
        if (target.isDirectory() || isPictureName(name)) this.problems.push({ path: link.path, reason: LEADS_OUT });
        return;
      }
      if (target.isDirectory()) this.linked.push(link);
      else if (target.isFile() && isPictureName(name)) await this.addPicture(link);
    } catch (error) {
      const reason = fileReason(error);
      this.problems.push({ path: link.path, reason: reason === 'gone' ? 'a link that leads nowhere' : reason });
    }
  }

  private async addPicture(file: Folder): Promise<void> {
    try {
      const { size, mtimeMs } = await stat(this.absolute(file));
      this.pictures.push({ path: file.path, size, modified: Math.floor(mtimeMs) });
    } catch (error) {
      this.problems.push({ path: file.path, reason: fileReason(error) });
    }
  }
}

function isPictureName(name: string): boolean {
  const dot = name.lastIndexOf('.');
  return dot > 0 && EXTENSIONS.has(name.slice(dot + 1).toLowerCase());
}
