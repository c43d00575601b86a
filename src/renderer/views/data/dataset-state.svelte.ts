import { engine, selection } from '../../state';
import { plural } from '../../state/words';
import { Changes } from './changes.svelte';
import { CellColours } from './grid/cell-colours.svelte';
import { ShownPictures } from './shown-pictures.svelte';

/** What one sees of a dataset: kept while the program runs, so that other tabs and views lose nothing of it. */
export class DatasetState {
  readonly shown: ShownPictures;
  readonly colours: CellColours;
  readonly changes: Changes;
  /** The picture in the inspector. */
  current = $state<number>();
  /** The detail view is open on it. */
  detailOpen = $state(false);
  /** How far the grid was scrolled, in pixels. */
  scrolled = 0;

  constructor(readonly dataset: string) {
    this.shown = new ShownPictures(dataset);
    this.colours = new CellColours(dataset);
    this.changes = new Changes(dataset, () => void this.shown.refresh());
  }

  /** What actions are about: the selection, else the picture in the inspector. */
  chosen(): Uint32Array<ArrayBuffer> {
    const selected = selection.ids(this.dataset);
    if (selected.length > 0 || this.current === undefined) return selected;
    return Uint32Array.of(this.current);
  }

  async setUse(pictures: Uint32Array<ArrayBuffer>, use: boolean): Promise<void> {
    const call = engine.call('datasets.setUse', { dataset: this.dataset, pictures, use });
    await this.changes.make(call, ({ changed }) =>
      use ? `${plural(changed, 'picture')} taken in again.` : `${plural(changed, 'picture')} left out. No file is touched.`,
    );
  }

  async setSplit(pictures: Uint32Array<ArrayBuffer>, split: 'train' | 'held-out'): Promise<void> {
    const call = engine.call('datasets.setSplit', { dataset: this.dataset, pictures, split });
    const words = split === 'train' ? 'put on the side to train on' : 'held out';
    await this.changes.make(call, ({ changed }) => `${plural(changed, 'picture')} ${words}.`);
  }

  async setClass(pictures: Uint32Array<ArrayBuffer>, name: string | null): Promise<void> {
    const call = engine.call('datasets.setClass', { dataset: this.dataset, pictures, class: name });
    await this.changes.make(call, ({ changed }) =>
      name === null ? `${plural(changed, 'picture')} have no class now.`.replace('1 picture have', '1 picture has') : `${plural(changed, 'picture')} set to ${name}.`,
    );
  }
}

const states = new Map<string, DatasetState>();

export function stateOf(dataset: string): DatasetState {
  const known = states.get(dataset);
  if (known) return known;
  const made = new DatasetState(dataset);
  states.set(dataset, made);
  return made;
}
