/** What is done with the list of runs: what comes into it and leaves it. Failures are told. */
import type { RunSummary } from '../../../engine/protocol';
import { addFolders, attempt, engine, toasts } from '../../state';
import { isGoing } from '../../state/run-actions';
import { plural } from '../../state/words';
import { runsView } from './runs-view.svelte';

/** A folder of the command line, which stays where it is. */
async function add(folder: string): Promise<void> {
  const { run } = await engine.call('runs.add', { folder });
  runsView.showAll();
  runsView.select(run);
  toasts.say(`${run} is in the list; its folder stays where it is.`);
}
export const addFolder = () =>
  attempt(async () => {
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
  await attempt(async () => {
    const { items } = await engine.call('runs.remove', { runs: leaving.map(({ run }) => run) });
    const what = leaving.length === 1 ? leaving[0]!.run : plural(leaving.length, 'run');
    const isForgotten = items.every((item) => item === null);
    toasts.say(isForgotten ? `${what} left the list; the folder stays where it is.` : `${what} moved to the trash, for 30 days.`, {
      action: { label: 'Undo', run: () => void bringBack(leaving, items) },
    });
  });
}

const bringBack = (runs: readonly RunSummary[], items: readonly (string | null)[]) =>
  attempt(async () => {
    const trashed = items.filter((item) => item !== null);
    if (trashed.length > 0) await engine.call('trash.restore', { items: trashed });
    for (const [place, { folder }] of runs.entries()) if (items[place] === null) await engine.call('runs.add', { folder });
    runsView.select(...runs.map(({ run }) => run));
  });
