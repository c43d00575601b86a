import { engine } from './engine';
import { attempt, toasts } from './notices.svelte';
import { go, href } from './router.svelte';

/** The ways to pictures; `added` hears of the dataset that came last. What could not be added and why is told. */
function waysToPictures(added: (dataset: string) => void) {
  /** Folders that were dropped or picked; their classes from a table where one is given. */
  async function addFolders(folders: readonly string[], table?: string): Promise<void> {
    const labels = table === undefined ? {} : { labels: { kind: 'table' as const, file: table } };
    let last: string | undefined;
    for (const folder of folders) {
      await attempt(async () => {
        const { dataset, existed } = await engine.call('datasets.add', { folder, ...labels });
        last = dataset.dataset;
        if (existed) toasts.say(`${dataset.name} reads this folder already.`);
      });
    }
    if (last !== undefined) added(last);
  }
  return {
    addFolders,
    pickAndAdd: () =>
      attempt(async () => {
        const { path } = await engine.call('desktop.pickFolder', { title: 'Add a folder of pictures' });
        if (path !== null) await addFolders([path]);
      }),
    /** A table `path,label` beside the pictures that it names. */
    pickTable: () =>
      attempt(async () => {
        const { path } = await engine.call('desktop.pickFile', { title: 'A list of pictures: path,label', endings: ['csv'] });
        if (path !== null) await addFolders([path.replace(/[\\/][^\\/]*$/, '') || '/'], path);
      }),
    /** Draws the sample pictures, which are seen as they come. */
    makeSample: () =>
      attempt(async () => {
        const { dataset } = await engine.call('datasets.makeSample', {});
        added(dataset.dataset);
      }),
  };
}

/** Adds pictures and shows them. */
export const { addFolders, pickAndAdd, makeSample } = waysToPictures((dataset) => go(href('data', dataset)));
/** Adds pictures without leaving the place where one is. */
export const addHere = waysToPictures(() => {});
