/** One workbench at a time has a library open: it keeps datasets in memory, and writes them whole. The command line needs no hold. */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../errors';
import { fileError } from '../formats';
import { takeLock, type Lock } from '../runs';
import type { LibraryFolders } from './library';

/** One that was closed just now, or whose program was killed, may still be ending. */
const MOST_WAIT_MS = 3000;
const LOOK_MS = 100;

/** @throws UserError while another workbench has it open, which says which one and what to do */
export async function holdLibrary({ folder, lock }: LibraryFolders, mostWait = MOST_WAIT_MS): Promise<Lock> {
  const end = Date.now() + mostWait;
  for (;;) {
    try {
      return await takeLock(lock, ({ pid, host, processStart }) => {
        const elsewhere = host === hostname() ? '' : ` on ${host}`;
        const isSure = elsewhere === '' && processStart !== null;
        return (
          `The library ${folder} is open in another workbench, process ${pid}${elsewhere}: close that one first, or choose ` +
          `another folder for the library${isSure ? '' : `; if it is gone, remove ${lock}`}.`
        );
      });
    } catch (error) {
      // A full disk must keep nobody from making room on it.
      if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return { release: () => Promise.resolve() };
      if (!(error instanceof UserError) || Date.now() >= end) throw fileError(error, lock);
      await sleep(LOOK_MS);
    }
  }
}
