/** The area of the library: how large it is, settings, the picker of folders. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors';
import { freeBytes } from '../runs';
import type { LibraryStatus, Result } from '../protocol';
import { inspectFile, listFolder } from './files';
import type { Area } from './host-context';
import type { HostServices } from './services';
import { trashTotals } from './trash';

const COUNT_EVERY_MS = 60_000;
const TELL_MS = 5000;

export function libraryArea(services: HostServices): Area {
  const { context, settings, device, desk, hub, report } = services;
  const { library } = context;
  let usedBytes: number | null = null;
  let countedAt = 0;
  let counting: Promise<void> | undefined;
  const closed = new AbortController();

  /** Looks at every file, thumbnails too: only while somebody asks. The topic tells when it is through. */
  const count = (): void => {
    if (counting || Date.now() - countedAt < COUNT_EVERY_MS) return;
    counting = sizeOf(library.folder, closed.signal)
      .then((bytes) => {
        usedBytes = bytes;
        countedAt = Date.now();
        return tell();
      })
      .catch(report)
      .finally(() => (counting = undefined));
  };

  const status = async (): Promise<LibraryStatus> => {
    const free = await freeBytes(library.folder).catch(() => 0);
    return {
      folder: library.folder,
      name: library.name,
      usedBytes,
      freeBytes: free,
      ...context.datasets.totals(),
      runs: desk.registry.all.length,
      trash: await trashTotals(library),
    };
  };
  let told = '';
  const tell = async (): Promise<void> => {
    if (!hub.isHeard('library.status')) return;
    const value = await status();
    // Free bytes change all the time; a hundredth of a gigabyte is what is shown.
    const text = JSON.stringify({ ...value, freeBytes: Math.round(value.freeBytes / 1e7) });
    if (text !== told) hub.emit('library.status', undefined, value);
    told = text;
  };
  const timer = setInterval(() => void tell().catch(report), TELL_MS);
  settings.onChange(() => hub.emit('settings', undefined, settings.state));

  const setSettings = async (change: Partial<typeof settings.current>): Promise<Result<'settings.set'>> => {
    if (change.device != null) {
      const names = (await device.list()).map(({ name }) => name);
      if (!names.includes(change.device)) throw new UserError(`There is no device ${change.device} in this computer.`);
    }
    const next = { ...settings.current, ...change };
    if ((change.screenMemoryBytes !== undefined || change.deviceMemoryBytes !== undefined) && device.current) {
      const total = next.deviceMemoryBytes ?? (await device.memory()).totalBytes;
      if (next.screenMemoryBytes >= total && !device.current.gpu.info.software) {
        throw new UserError('That leaves no memory of the device for training: keep less free for the screen.');
      }
    }
    await settings.change(change);
    if (!desk.live) device.applyChoice();
    return settings.state;
  };

  return {
    handlers: {
      'library.status': () => {
        count();
        return status();
      },
      'library.findPictures': ({ text, count: most }) => context.datasets.search(text, most),
      'settings.set': setSettings,
      'files.list': ({ path, hidden }) => listFolder(path, hidden ?? false, library),
      'files.inspect': ({ path }, { signal }) => inspectFile(path, context, signal),
    },
    topics: { 'library.status': status, settings: () => settings.state },
    async close() {
      clearInterval(timer);
      closed.abort();
      await counting;
    },
  };
}

/** Bytes of all files below a folder. */
async function sizeOf(folder: string, signal: AbortSignal): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    if (signal.aborted) break;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += await sizeOf(path, signal);
    else if (entry.isFile()) bytes += (await stat(path).catch(() => ({ size: 0 }))).size;
  }
  return bytes;
}
