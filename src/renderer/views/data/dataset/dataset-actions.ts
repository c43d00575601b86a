import type { Dataset } from '../../../../engine/protocol';
import { engine, go, href, toasts } from '../../../state';

const tell = (error: unknown) => toasts.fail(error);

/** Looks for new, changed and gone files; also goes on where reading was cancelled. */
export const rescan = ({ dataset }: Pick<Dataset, 'dataset'>): Promise<unknown> => engine.call('datasets.rescan', { dataset }).catch(tell);

export const cancelReading = (task: number): Promise<unknown> => engine.call('tasks.cancel', { task }).catch(tell);

export const revealDataset = ({ dataset }: Dataset): Promise<unknown> => engine.call('desktop.reveal', { kind: 'dataset', dataset }).catch(tell);

/** Says where a folder that was moved is now. */
export async function locate({ dataset, folder }: Dataset): Promise<void> {
  try {
    const { path } = await engine.call('desktop.pickFolder', { title: 'Where are the pictures now?' });
    if (path !== null && path !== folder) await engine.call('datasets.update', { dataset, folder: path });
  } catch (error) {
    tell(error);
  }
}

/** Forgets a dataset. Pictures and runs stay, so adding the folder again takes it back, but for what was set by hand. */
export async function remove({ dataset, name, folder, labels }: Dataset): Promise<boolean> {
  try {
    await engine.call('datasets.remove', { dataset });
    const addAgain = () =>
      engine.call('datasets.add', { folder, name, labels }).then(({ dataset: added }) => go(href('data', added.dataset)), tell);
    toasts.say(`${name} was removed. Its pictures are where they were.`, { action: { label: 'Add again', run: () => void addAgain() } });
    return true;
  } catch (error) {
    tell(error);
    return false;
  }
}
