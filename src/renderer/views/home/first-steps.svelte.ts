/** Adding pictures without leaving the place where one is. */
import { engine, toasts } from '../../state';

/** Adds a folder as a dataset, its classes from a table where one is given. */
async function add(folder: string, table?: string): Promise<void> {
  try {
    const labels = table === undefined ? {} : { labels: { kind: 'table' as const, file: table } };
    const { dataset, existed } = await engine.call('datasets.add', { folder, ...labels });
    if (existed) toasts.say(`${dataset.name} reads this folder already.`);
  } catch (error) {
    toasts.fail(error);
  }
}

export async function addHere(folders: readonly string[]): Promise<void> {
  for (const folder of folders) await add(folder);
}

export async function pickFolderHere(): Promise<void> {
  try {
    const { path } = await engine.call('desktop.pickFolder', { title: 'Add a folder of pictures' });
    if (path !== null) await add(path);
  } catch (error) {
    toasts.fail(error);
  }
}

/** A table `path,label` beside the pictures that it names. */
export async function pickTableHere(): Promise<void> {
  try {
    const { path } = await engine.call('desktop.pickFile', { title: 'A list of pictures: path,label', endings: ['csv'] });
    if (path !== null) await add(path.replace(/[\\/][^\\/]*$/, '') || '/', path);
  } catch (error) {
    toasts.fail(error);
  }
}

export async function makeSampleHere(): Promise<void> {
  try {
    await engine.call('datasets.makeSample', {});
  } catch (error) {
    toasts.fail(error);
  }
}
