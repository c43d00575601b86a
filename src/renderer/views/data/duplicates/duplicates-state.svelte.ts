import type { Dataset, DuplicateGroup, KeepRule, Params, Result } from '../../../../engine/protocol';
import { engine, toasts, topic } from '../../../state';
import { plural } from '../../../state/words';
import type { DatasetState } from '../dataset-state.svelte';

type Shown = Omit<Params<'duplicates.groups'>, 'from' | 'count'>;
const page = 60;

/** Groups of the same and nearly the same pictures, and what is decided about them. */
export class DuplicatesState {
  threshold = $state<number>();
  rule = $state<KeepRule['rule']>('largest');
  preferHeldOut = $state(false);
  sameFile = $state(true);
  nearly = $state(true);
  acrossSplit = $state(false);
  acrossClasses = $state(false);
  summary = $state.raw<Result<'duplicates.summary'>>();
  groups = $state.raw<readonly DuplicateGroup[]>([]);
  total = $state(0);
  limit = $state(page);
  /** The group in the inspector, by its own id. */
  currentId = $state<number>();
  /** Its member that is compared with the first. */
  other = $state<number>();

  readonly current = $derived(this.groups.find(({ group }) => group === this.currentId));
  readonly keep = $derived<KeepRule>({ rule: this.rule, preferHeldOut: this.preferHeldOut });
  readonly shown = $derived.by<Shown>(() => ({
    dataset: this.view.dataset,
    threshold: this.threshold ?? this.summary?.defaultThreshold ?? 0.95,
    kinds: [...(this.sameFile ? (['same-file'] as const) : []), ...(this.nearly ? (['nearly'] as const) : [])],
    ...(this.acrossSplit ? { acrossSplit: true } : {}),
    ...(this.acrossClasses ? { acrossClasses: true } : {}),
    keep: this.keep,
  }));
  readonly task = $derived.by(() =>
    topic('tasks').value?.tasks.find(
      ({ kind, dataset, state }) => kind === 'duplicates' && dataset === this.view.dataset && (state === 'running' || state === 'waiting'),
    ),
  );

  constructor(readonly view: DatasetState) {}

  follow(dataset: () => Dataset): void {
    const revision = $derived(dataset().revision);
    const found = $derived(dataset().duplicateGroups);
    const going = $derived(this.task !== undefined);
    $effect(() => {
      void [revision, found, going];
      const { dataset: id, threshold } = this.shown;
      const params = { dataset: id, threshold, keep: this.keep };
      const abort = new AbortController();
      const timer = setTimeout(() => {
        engine.call('duplicates.summary', params, { signal: abort.signal }).then(
          (summary) => {
            this.summary = summary;
            this.threshold ??= summary.defaultThreshold;
          },
          (error) => toasts.fail(error),
        );
      }, 40);
      return () => (clearTimeout(timer), abort.abort());
    });
    $effect(() => {
      void [revision, found, going];
      const params = { ...this.shown, from: 0, count: this.limit };
      const abort = new AbortController();
      const timer = setTimeout(() => {
        engine.call('duplicates.groups', params, { signal: abort.signal }).then(
          ({ groups, total }) => {
            this.groups = groups;
            this.total = total;
          },
          (error) => toasts.fail(error),
        );
      }, 80);
      return () => (clearTimeout(timer), abort.abort());
    });
  }

  more(): void {
    if (this.groups.length < this.total && this.limit <= this.groups.length) this.limit = Math.min(2000, this.limit + page);
  }

  step(by: number): void {
    const at = this.groups.findIndex(({ group }) => group === this.currentId);
    const next = this.groups[Math.min(this.groups.length - 1, Math.max(0, at + by))];
    if (next) this.show(next.group);
  }

  show(group: number, other?: number): void {
    this.currentId = group;
    this.other = other;
  }

  async search(): Promise<void> {
    const { dataset } = this.view;
    await engine.call('duplicates.search', { dataset, by: { kind: 'hash' } }).catch((error) => toasts.fail(error));
  }

  /** Decides by hand what is kept of a group; null: the rule decides again. */
  async decide(group: DuplicateGroup, keep: readonly number[] | null): Promise<void> {
    const { dataset, threshold } = this.shown;
    const params = { dataset, group: group.group, threshold, keep: keep && Uint32Array.from(keep) };
    await this.view.changes.make(engine.call('duplicates.decide', params), () => 'What is kept of a group was decided.', { quiet: true });
  }

  async separate(group: DuplicateGroup): Promise<void> {
    const pictures = Uint32Array.from(group.members, ({ picture }) => picture);
    const call = engine.call('duplicates.separate', { dataset: this.view.dataset, pictures });
    await this.view.changes.make(call, () => 'These pictures are not grouped with each other any more.');
  }

  async apply(): Promise<void> {
    const call = engine.call('duplicates.apply', this.shown);
    await this.view.changes.make(call, ({ changed }) => `${plural(changed, 'picture')} left out. No file is touched.`);
  }
}
