import { engine } from './engine';
import { toasts } from './notices.svelte';
import { go, href } from './router.svelte';

/** Adds folders that were dropped or picked as datasets, and shows the last of them. Says what could not be added and why. */
export async function addFolders(folders: readonly string[]): Promise<void> {
  let last: string | undefined;
  for (const folder of folders) {
    try {
      const { dataset, existed } = await engine.call('datasets.add', { folder });
      last = dataset.dataset;
      if (existed) toasts.say(`${dataset.name} reads this folder already.`);
    } catch (error) {
      toasts.fail(error);
    }
  }
  if (last !== undefined) go(href('data', last));
}

/** Asks for a folder and adds it. */
export async function pickAndAdd(): Promise<void> {
  try {
    const { path } = await engine.call('desktop.pickFolder', { title: 'Add a folder of pictures' });
    if (path !== null) await addFolders([path]);
  } catch (error) {
    toasts.fail(error);
  }
}

/** Draws the sample pictures and shows them as they come. */
export async function makeSample(): Promise<void> {
  try {
    const { dataset } = await engine.call('datasets.makeSample', {});
    go(href('data', dataset.dataset));
  } catch (error) {
    toasts.fail(error);
  }
}
