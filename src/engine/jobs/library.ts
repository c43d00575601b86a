/** The library: one folder with everything that the workbench keeps. Pictures stay where they are. */
import { mkdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../errors';
import { fileError, writeFileAtomic } from '../formats';

/** Places in a library; all absolute. */
export interface LibraryFolders {
  readonly folder: string;
  /** Its folder's name. */
  readonly name: string;
  /** The index of datasets, SQL. */
  readonly database: string;
  readonly runs: string;
  readonly models: string;
  /** What can be made again: thumbnails and the like. */
  readonly cache: string;
  readonly trash: string;
  /** Files of labels that copied commands name (`labelsFile`). */
  readonly labels: string;
  /** Drawn sample pictures. */
  readonly samples: string;
  readonly settings: string;
  readonly queue: string;
  /** Names the workbench that has it open. */
  readonly lock: string;
  readonly marker: string;
}

const MARKER = 'library.json';

export function libraryFolders(path: string): LibraryFolders {
  const folder = resolve(path);
  return {
    folder,
    name: basename(folder),
    database: join(folder, 'library.db'),
    runs: join(folder, 'runs'),
    models: join(folder, 'models'),
    cache: join(folder, 'cache'),
    trash: join(folder, '.trash'),
    labels: join(folder, 'labels'),
    samples: join(folder, 'samples'),
    settings: join(folder, 'settings.json'),
    queue: join(folder, 'queue.json'),
    lock: join(folder, 'library.lock'),
    marker: join(folder, MARKER),
  };
}

/**
 * Makes the library's folders where they are missing.
 * @throws UserError when it cannot be written to, or is of a later version
 */
export async function openLibrary(path: string): Promise<LibraryFolders> {
  const folders = libraryFolders(path);
  try {
    for (const folder of [folders.runs, folders.models, folders.cache, folders.trash, folders.labels]) await mkdir(folder, { recursive: true });
    const text = await readFile(folders.marker, 'utf8').catch(() => undefined);
    if (text === undefined) {
      await writeFileAtomic(folders.marker, `${JSON.stringify({ format: 'ibot-workbench library', version: 1 })}\n`);
    } else if (versionOf(text) !== 1) {
      throw new UserError(`The library ${folders.folder} was made by a later version of the program: choose another folder for it.`);
    }
  } catch (error) {
    throw fileError(error, folders.folder);
  }
  return folders;
}

/** Where the classes and sides of a dataset at one of its revisions are written, for a command to read. */
export const labelsFile = (library: Pick<LibraryFolders, 'labels'>, dataset: string, revision: number): string =>
  join(library.labels, `${dataset}-${revision}.csv`);

function versionOf(text: string): unknown {
  try {
    return (JSON.parse(text) as { version?: unknown }).version;
  } catch {
    return undefined;
  }
}

/** The library that a run's folder lies in (`LIBRARY/runs/NAME`); undefined for runs elsewhere. */
export async function libraryOfRun(runFolder: string): Promise<LibraryFolders | undefined> {
  const runs = dirname(resolve(runFolder));
  if (basename(runs) !== 'runs') return undefined;
  const folders = libraryFolders(dirname(runs));
  return (await stat(folders.marker).catch(() => undefined)) ? folders : undefined;
}
