/** Folders of the engine's machine, for windows without native dialogs, and a look at what was dropped or picked. */
import { access, constants, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { homedir, platform } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { UserError } from '../errors';
import { fileError } from '../formats';
import type { LibraryFolders } from '../jobs';
import type { Result } from '../protocol';
import type { HostContext } from './host-context';

const MOST_ENTRIES = 5000;
const MOST_LOOKED_AT = 2000;
const MOST_LOOK_MS = 250;
const PICTURES = new Set(['.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.webp', '.gif', '.bmp', '.tif', '.tiff', '.avif', '.ppm', '.pgm', '.pbm', '.pnm']);
const TABLES = new Set(['.csv', '.tsv']);

type Entry = Result<'files.list'>['entries'][number];

export async function listFolder(path: string | undefined, hidden: boolean, library: LibraryFolders): Promise<Result<'files.list'>> {
  const folder = resolve(path ?? homedir());
  const state = await stat(folder).catch((error: unknown) => {
    throw fileError(error, folder);
  });
  if (!state.isDirectory()) throw new UserError(`${folder} is a file, not a folder.`);
  const names = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw fileError(error, folder);
  });
  const seen = names.filter(({ name }) => hidden || !name.startsWith('.'));
  const byName = new Intl.Collator('en', { numeric: true }).compare;
  seen.sort((a, b) => Number(b.isDirectory()) - Number(a.isDirectory()) || byName(a.name, b.name));
  const entries = await Promise.all(seen.slice(0, MOST_ENTRIES).map(({ name }) => entryOf(folder, name)));
  const parent = dirname(folder);
  const places = [
    { name: 'Home', path: homedir() },
    { name: 'Library', path: library.folder },
    ...(platform() === 'win32' ? await drives() : [{ name: 'Computer', path: '/' }]),
  ];
  return {
    path: folder,
    parent: parent === folder ? null : parent,
    places,
    entries: entries.filter((entry) => entry !== undefined),
    more: seen.length > MOST_ENTRIES,
  };
}

async function entryOf(folder: string, name: string): Promise<Entry | undefined> {
  const path = join(folder, name);
  // Links are followed; those that lead nowhere are left out.
  const state = await stat(path).catch(() => undefined);
  if (!state) return undefined;
  const kind = state.isDirectory() ? 'folder' : kindOf(name);
  return { name, path, kind, bytes: state.isDirectory() ? null : state.size, modified: state.mtimeMs };
}

function kindOf(name: string): 'picture' | 'table' | 'other' {
  const ending = extname(name).toLowerCase();
  return PICTURES.has(ending) ? 'picture' : TABLES.has(ending) ? 'table' : 'other';
}

async function drives(): Promise<{ name: string; path: string }[]> {
  const letters = Array.from({ length: 26 }, (_, i) => `${String.fromCharCode(65 + i)}:\\`);
  const there = await Promise.all(letters.map((path) => access(path).then(() => [{ name: path, path }], () => [])));
  return there.flat();
}

export async function inspectFile(path: string, { datasets }: HostContext, signal: AbortSignal): Promise<Result<'files.inspect'>> {
  const place = await realpath(resolve(path)).catch((error: unknown) => {
    throw fileError(error, path);
  });
  const state = await stat(place);
  await access(place, constants.R_OK).catch((error: unknown) => {
    throw fileError(error, place);
  });
  const nothing = { pictures: 0, more: false, classes: 0, dataset: null };
  const ending = extname(place).toLowerCase();
  if (!state.isDirectory()) {
    const kind = TABLES.has(ending) ? 'table' : ['.safetensors', '.pth', '.pt'].includes(ending) ? 'model' : 'other';
    return { kind, ...nothing, suggestedName: basename(place, extname(place)) };
  }
  const suggestedName = basename(place) || 'pictures';
  if (await isRun(place)) return { kind: 'run', ...nothing, suggestedName };
  const found = await lookThrough(place, signal);
  const dataset = datasets.byFolder(place) ?? null;
  return { kind: found.pictures > 0 ? 'pictures' : 'other', ...found, dataset, suggestedName };
}

async function isRun(folder: string): Promise<boolean> {
  const text = await readFile(join(folder, 'run.json'), 'utf8').catch(() => '');
  return text.includes('"ibot-workbench run"');
}

/** Breadth first, so that folders that become classes are seen early. */
async function lookThrough(root: string, signal: AbortSignal): Promise<{ pictures: number; more: boolean; classes: number }> {
  const end = performance.now() + MOST_LOOK_MS;
  const folders = [root];
  const classes = new Set<string>();
  let pictures = 0;
  let looked = 0;
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    signal.throwIfAborted();
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      if (++looked > MOST_LOOKED_AT || performance.now() > end) return { pictures, more: true, classes: classes.size };
      if (entry.name.startsWith('.')) continue;
      if (entry.isDirectory()) folders.push(join(folder, entry.name));
      else if (kindOf(entry.name) === 'picture') {
        pictures++;
        if (folder !== root) classes.add(folder);
      }
    }
  }
  return { pictures, more: false, classes: classes.size };
}
