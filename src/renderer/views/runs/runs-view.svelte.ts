/** What the list of runs shows and what is selected in it: kept while other views are looked at. */
import type { RunState, RunSummary } from '../../../engine/protocol';
import { nothingSelected, withoutGone, type RowSelection, type Sorting } from '../../components';
import { layout } from '../../state';
import { fits, type RunFilter } from './run-filter';

export class RunsView implements RunFilter {
  text = $state('');
  states = $state.raw<ReadonlySet<RunState>>(new Set());
  datasets = $state.raw<ReadonlySet<string>>(new Set());
  tags = $state.raw<ReadonlySet<string>>(new Set());
  #selection = $state.raw<RowSelection>(nothingSelected);

  get selection(): RowSelection {
    return this.#selection;
  }
  set selection(next: RowSelection) {
    this.#selection = next;
  }

  get sorting(): Sorting {
    const [column = 'created', direction = 'down'] = layout.text('runs.sorting', 'created down').split(' ');
    return { column, descending: direction === 'down' };
  }
  set sorting({ column, descending }: Sorting) {
    layout.set('runs.sorting', `${column} ${descending ? 'down' : 'up'}`);
  }

  get isNarrowed(): boolean {
    return this.text.trim() !== '' || this.states.size + this.datasets.size + this.tags.size > 0;
  }

  shown(runs: readonly RunSummary[]): readonly RunSummary[] {
    return this.isNarrowed ? runs.filter((run) => fits(run, this)) : runs;
  }

  showAll(): void {
    this.text = '';
    this.states = new Set();
    this.datasets = new Set();
    this.tags = new Set();
  }

  select(...runs: string[]): void {
    this.#selection = { selected: new Set(runs), current: runs[0], anchor: runs[0] };
  }

  /** Runs that are gone are not selected any more. */
  keepTo(runs: readonly RunSummary[]): void {
    const names = new Set<string | number>(runs.map(({ run }) => run));
    this.#selection = withoutGone(this.#selection, (key) => names.has(key));
  }
}

export const runsView = new RunsView();
