/** What can be done with runs. Failures are told; each says whether it was done. */
import type { RunSummary } from '../../../engine/protocol';
import { addFolders, engine, go, href, toasts, topic } from '../../state';
import { plural } from '../../state/words';
import { runsView } from './runs-view.svelte';

const tell = (error: unknown) => toasts.fail(error);

async function done(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    tell(error);
    return false;
  }
}

type Named = Pick<RunSummary, 'run'>;

/** It computes, here or in another process, or keeps the device. */
export const isGoing = ({ state }: Pick<RunSummary, 'state'>): boolean => state === 'running' || state === 'paused';
export const canGoOn = ({ state }: Pick<RunSummary, 'state'>): boolean => state === 'stopped' || state === 'interrupted' || state === 'failed';

export const open = ({ run }: Named): void => go(href('run', run));
export const duplicate = ({ run }: Named): void => go(`${href('runs', 'new')}?from=${encodeURIComponent(run)}`);
/** Names hold no | . */
export const compare = (runs: readonly string[]): void => go(href('runs', 'compare', runs.join('|')));
export const reveal = ({ run }: Named) => done(() => engine.call('desktop.reveal', { kind: 'run', run }));

export const pause = ({ run }: Named) => done(() => engine.call('runs.pause', { run }));
export const resume = ({ run }: Named) => done(() => engine.call('runs.resume', { run }));
export const stop = ({ run }: Named) => done(() => engine.call('runs.stop', { run, save: true }));
export const goOn = ({ run }: Named) =>
  done(async () => {
    await engine.call('runs.continue', { run });
    toasts.say(`${run} is in the queue and goes on from its last checkpoint.`);
  });

export const tag = (runs: readonly Named[], change: { add?: string[]; remove?: string[] }) =>
  done(() => engine.call('runs.tag', { runs: runs.map(({ run }) => run), ...change }));
export const setNote = (run: string, note: string) => done(() => engine.call('runs.setNote', { run, note }));

/** A folder of the command line, which stays where it is. */
async function add(folder: string): Promise<void> {
  const { run } = await engine.call('runs.add', { folder });
  runsView.showAll();
  runsView.select(run);
  toasts.say(`${run} is in the list; its folder stays where it is.`);
}
export const addFolder = () =>
  done(async () => {
    const { path } = await engine.call('desktop.pickFolder', { title: 'Add the folder of a run' });
    if (path !== null) await add(path);
  });
/** What is no run is taken for pictures, as everywhere. */
export async function addDropped(folders: readonly string[]): Promise<void> {
  for (const folder of folders) await add(folder).catch(() => addFolders([folder]));
}

/** To the trash, with Undo. What is going stays, and is told of. */
export async function remove(runs: readonly RunSummary[]): Promise<void> {
  const going = runs.filter(isGoing);
  const leaving = runs.filter((run) => !isGoing(run));
  if (going.length > 0) {
    const words = going.length === 1 ? `${going[0]!.run} is going: stop it before it is deleted.` : `${plural(going.length, 'run')} are going: stop them before they are deleted.`;
    toasts.say(words, { tone: 'error' });
  }
  if (leaving.length === 0) return;
  await done(async () => {
    const { items } = await engine.call('runs.remove', { runs: leaving.map(({ run }) => run) });
    const what = leaving.length === 1 ? leaving[0]!.run : plural(leaving.length, 'run');
    toasts.say(items.length === 0 ? `${what} left the list; the folder stays where it is.` : `${what} moved to the trash, for 30 days.`, {
      action: { label: 'Undo', run: () => void bringBack(leaving, items) },
    });
  });
}

const bringBack = (runs: readonly RunSummary[], items: string[]) =>
  done(async () => {
    if (items.length > 0) await engine.call('trash.restore', { items });
    // Those from elsewhere were only forgotten by the list.
    const library = topic('library.status').value?.folder;
    for (const { folder } of runs) if (library !== undefined && !folder.startsWith(library)) await engine.call('runs.add', { folder });
    runsView.select(...runs.map(({ run }) => run));
  });
