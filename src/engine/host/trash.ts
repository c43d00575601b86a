/** The library's trash: what was deleted stays there for 30 days. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { fileError, writeFileAtomic } from '../formats';
import type { LibraryFolders } from '../jobs';
import { notFound } from './host-error';

const DAYS = 30;
const DAY_MS = 86_400_000;

const slip = z.object({ run: z.string(), deleted: z.number() });

export interface TrashItem {
  item: string;
  run: string;
  bytes: number;
  deleted: number;
  until: number;
}

/** Items by folder: what is in the trash does not change. */
const known = new Map<string, TrashItem>();

/** Last deleted first. What is too old, or no item, is passed over. */
export async function listTrash(library: LibraryFolders): Promise<TrashItem[]> {
  const names = await readdir(library.trash).catch(() => [] as string[]);
  const items = await Promise.all(
    names.map(async (item): Promise<TrashItem | undefined> => {
      const folder = join(library.trash, item);
      const before = known.get(folder);
      if (before) return before;
      try {
        const { run, deleted } = slip.parse(JSON.parse(await readFile(join(folder, 'deleted.json'), 'utf8')));
        const found = { item, run, bytes: await sizeOf(folder), deleted, until: deleted + DAYS * DAY_MS };
        known.set(folder, found);
        return found;
      } catch {
        return undefined;
      }
    }),
  );
  return items.filter((item) => item !== undefined).sort((a, b) => b.deleted - a.deleted);
}

export async function trashTotals(library: LibraryFolders): Promise<{ items: number; bytes: number }> {
  const items = await listTrash(library);
  return { items: items.length, bytes: items.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** Moves a run's folder there: a rename, so nothing is copied. @returns the item */
export async function putInTrash(library: LibraryFolders, run: string, folder: string): Promise<string> {
  const item = `${Date.now()}-${randomBytes(4).toString('hex')}`;
  const place = join(library.trash, item);
  try {
    await mkdir(place, { recursive: true });
    await writeFileAtomic(join(place, 'deleted.json'), `${JSON.stringify({ run, deleted: Date.now() })}\n`);
    await rename(folder, join(place, 'run'));
  } catch (error) {
    await rm(place, { recursive: true, force: true });
    throw fileError(error, folder);
  }
  return item;
}

/** @param target where the run goes; must not be there */
export async function takeFromTrash(library: LibraryFolders, item: string, target: string): Promise<void> {
  const place = placeOf(library, item);
  try {
    await rename(join(place, 'run'), target);
  } catch (error) {
    throw fileError(error, target);
  }
  known.delete(place);
  await rm(place, { recursive: true, force: true });
}

/** For good. */
export async function deleteFromTrash(library: LibraryFolders, items: readonly string[], report?: (done: number) => void): Promise<void> {
  let done = 0;
  for (const item of items) {
    const place = placeOf(library, item);
    await rm(place, { recursive: true, force: true });
    known.delete(place);
    report?.(++done);
  }
}

/** What has been there for 30 days goes. */
export async function emptyOldTrash(library: LibraryFolders, now = Date.now()): Promise<void> {
  const old = (await listTrash(library)).filter(({ until }) => until <= now);
  await deleteFromTrash(
    library,
    old.map(({ item }) => item),
  );
}

/** Items come from outside: only names that an item can have lead anywhere. @throws HostError not-found */
function placeOf(library: LibraryFolders, item: string): string {
  if (!/^\d+-[0-9a-f]{8}$/.test(item)) throw notFound('such item in the trash');
  return join(library.trash, item);
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}
