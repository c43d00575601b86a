/**
 * Warnings of runs as their folders record them: of the command line's as well as of this program's, also of those that came while
 * no engine looked. What somebody has seen is remembered beside the run.
 */
import type { Warning } from '../protocol';
import type { RecordedWarning } from '../runs';
import type { RunEntry } from './run-entry';
import { warningOf } from './run-warnings';
import type { WarningList } from './warning-list';

/** What is older is of no use to anybody who opens the program. */
const LATELY_MS = 7 * 24 * 3_600_000;

export class RecordedWarnings {
  /** How many of which list were told, by run: a run that goes on begins another list. */
  private readonly told = new Map<string, { list: readonly RecordedWarning[]; count: number }>();

  constructor(private readonly warnings: WarningList) {}

  /** @param isLive it is going here, and tells by itself */
  take(entry: RunEntry, dataset: string | null, isLive: boolean): void {
    const { name: run, warnings: list, notes } = entry;
    const before = this.told.get(run);
    const goesOn = before !== undefined && before.list !== list;
    if (goesOn && before.count > 0) this.warnings.overForRun(run);
    const from = before === undefined || goesOn ? 0 : before.count;
    this.told.set(run, { list, count: list.length });
    if (isLive) return;
    for (const { code, message, step, time } of list.slice(from)) {
      const at = time * 1000;
      if (Date.now() - at > LATELY_MS || at <= (notes.seenWarnings[code] ?? 0)) continue;
      this.warnings.raise({ ...warningOf({ event: 'warning', code, message, step }, run, dataset), at });
    }
  }

  /** Whoever opens the library later is not told again. */
  async remember(seen: readonly Warning[], entryOf: (run: string) => RunEntry | undefined): Promise<void> {
    for (const { run, code } of seen) {
      const entry = run === null ? undefined : entryOf(run);
      if (!entry?.warnings.some((each) => each.code === code)) continue;
      await entry.changeNotes(({ seenWarnings }) => ({ seenWarnings: { ...seenWarnings, [code]: Date.now() } }));
    }
  }
}
