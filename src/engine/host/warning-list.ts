import type { Warning } from '../protocol';
import type { NewWarning, Warnings } from './host-context';

/** More than anybody reads; the oldest seen ones go first. */
const MOST = 500;

/** The one list of warnings, for the life of the engine. */
export class WarningList implements Warnings {
  private warnings: Warning[] = [];
  private next = 1;

  constructor(private readonly changed: () => void) {}

  /** Newest first. */
  get list(): readonly Warning[] {
    return this.warnings;
  }

  raise({ code, severity, title, message, detail, run, dataset, actions = [], at = Date.now() }: NewWarning): void {
    const about = { run: run ?? null, dataset: dataset ?? null };
    const known = this.warnings.find((each) => each.code === code && each.run === about.run && each.dataset === about.dataset);
    const text = { severity, title, message, detail: detail ?? null, actions };
    if (known && !known.over) {
      if (known.message === message && known.title === title) return;
      // The same condition, described anew: it keeps its place.
      this.warnings = this.warnings.map((each) => (each === known ? { ...each, ...text } : each));
    } else {
      const rest = this.warnings.filter((each) => each !== known);
      const warning = { id: this.next++, code, ...text, ...about, at, over: false, seen: false };
      this.warnings = [warning, ...rest].sort((a, b) => b.at - a.at).slice(0, MOST);
    }
    this.changed();
  }

  over(code: string, { run = null, dataset = null }: { run?: string | null; dataset?: string | null } = {}): void {
    this.update((each) => (each.code === code && each.run === run && each.dataset === dataset ? { ...each, over: true } : each));
  }

  /** All warnings about a run are over: it is gone, or goes on. */
  overForRun(run: string): void {
    this.update((each) => (each.run === run ? { ...each, over: true } : each));
  }

  renamed(run: string, name: string): void {
    this.update((each) => (each.run === run ? { ...each, run: name } : each));
  }

  /** @param ids undefined: all. @returns those that nobody had seen before */
  see(ids: readonly number[] | undefined): Warning[] {
    const wanted = ids && new Set(ids);
    const isSeenNow = ({ id, seen }: Warning): boolean => !seen && (!wanted || wanted.has(id));
    const seen = this.warnings.filter(isSeenNow);
    this.update((each) => (isSeenNow(each) ? { ...each, seen: true } : each));
    return seen;
  }

  private update(change: (warning: Warning) => Warning): void {
    const before = this.warnings;
    // What is over, and was seen, is of no use to anybody.
    this.warnings = before.map(change).filter(({ over, seen }) => !(over && seen));
    if (this.warnings.length < before.length || this.warnings.some((each, i) => each !== before[i])) this.changed();
  }
}
