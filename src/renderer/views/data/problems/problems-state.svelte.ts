import { SvelteSet } from 'svelte/reactivity';
import type { Dataset, Problem, ProblemKind, Result } from '../../../../engine/protocol';
import { engine } from '../../../state';

export type ProblemGroup = Result<'problems.groups'>['groups'][number];

const page = 100;
/** Groups with more rows begin closed. */
const openUpTo = 200;

/** Files with something the matter, by kind, as far as they were looked at. */
export class ProblemsState {
  text = $state('');
  groups = $state.raw<ProblemGroup[]>();
  /** Rows of open groups. */
  rows = $state.raw<ReadonlyMap<ProblemKind, readonly Problem[]>>(new Map());
  readonly hidden = new SvelteSet<ProblemKind>();
  readonly flipped = new SvelteSet<ProblemKind>();
  current = $state.raw<Problem>();
  #limits = $state.raw<ReadonlyMap<ProblemKind, number>>(new Map());

  constructor(readonly dataset: string) {}

  readonly shown = $derived((this.groups ?? []).filter(({ kind }) => !this.hidden.has(kind)));
  /** Rows as they stand below each other. */
  readonly listed = $derived(this.shown.filter((group) => this.isOpen(group)).flatMap(({ kind }) => this.rows.get(kind) ?? []));

  isOpen({ kind, count }: ProblemGroup): boolean {
    return (count <= openUpTo) !== this.flipped.has(kind);
  }

  flip(kind: ProblemKind): void {
    if (!this.flipped.delete(kind)) this.flipped.add(kind);
  }

  more(kind: ProblemKind): void {
    this.#limits = new Map(this.#limits).set(kind, (this.#limits.get(kind) ?? page) + 2 * page);
  }

  /** Follows the dataset and the text as long as the component that calls this is there. */
  follow(dataset: () => Dataset): void {
    const revision = $derived(dataset().revision);
    const counts = $derived(`${dataset().problems} ${dataset().unseenProblems}`);
    $effect(() => {
      void [revision, counts];
      const text = this.text.trim();
      const abort = new AbortController();
      const timer = setTimeout(() => {
        const params = { dataset: this.dataset, ...(text ? { text } : {}) };
        engine.call('problems.groups', params, { signal: abort.signal }).then(
          ({ groups }) => (this.groups = groups),
          () => undefined,
        );
      }, 80);
      return () => (clearTimeout(timer), abort.abort());
    });
    $effect(() => {
      const text = this.text.trim();
      const abort = new AbortController();
      for (const group of this.shown) {
        if (!this.isOpen(group)) continue;
        const { kind } = group;
        const count = Math.min(2000, this.#limits.get(kind) ?? page);
        const params = { dataset: this.dataset, kinds: [kind], from: 0, count, ...(text ? { text } : {}) };
        engine.call('problems.list', params, { signal: abort.signal }).then(
          ({ problems }) => {
            this.rows = new Map(this.rows).set(kind, problems);
            const now = this.current && problems.find((each) => sameProblem(each, this.current!));
            if (now) this.current = now;
          },
          () => undefined,
        );
      }
      return () => abort.abort();
    });
  }

  step(by: number): void {
    const { listed, current } = this;
    const at = current ? listed.findIndex((each) => sameProblem(each, current)) : -1;
    const next = listed[Math.min(listed.length - 1, Math.max(0, at + by))];
    if (next) this.current = next;
  }
}

export const sameProblem = (a: Problem, b: Problem): boolean => a.kind === b.kind && a.path === b.path;
