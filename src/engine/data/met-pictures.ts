/** The pictures that a run's batches came upon, and the judgement whether too many of them cannot be read. */
import { UserError } from '../errors';
import type { Problem } from './problems';

/** Below so many pictures, failures say little about the folder. */
const FEWEST = 20;
/** The share of unreadable pictures up to which a run goes on. */
export const MOST_FAILING = 0.1;

export class MetPictures {
  private readonly all = new Set<number>();
  private readonly failed = new Map<number, Problem>();

  /** @param problem why it cannot be read; undefined where it can. */
  add(index: number, problem: Problem | undefined): void {
    this.all.add(index);
    if (problem) this.failed.set(index, problem);
  }

  addAll(other: MetPictures): void {
    for (const index of other.all) this.all.add(index);
    for (const [index, problem] of other.failed) this.failed.set(index, problem);
  }

  /** Each picture once, in the order in which they were met. */
  get problems(): readonly Problem[] {
    return [...this.failed.values()];
  }

  /**
   * @param count training pictures in all: small sets are judged once all of theirs were met.
   * @throws UserError when more than a tenth of the pictures met cannot be read.
   */
  check(count: number): void {
    const { all, failed } = this;
    if (all.size < Math.min(FEWEST, count) || failed.size <= all.size * MOST_FAILING) return;
    const first = this.problems[0]!;
    throw tooManyUnreadable(
      `${failed.size} of the ${all.size} pictures tried so far cannot be read`,
      `for example ${JSON.stringify(first.path)}: ${first.reason}`,
    );
  }

  /** Whether `check` will fail for these pictures and any others, however many of the others can be read. */
  isHopeless(count: number): boolean {
    return this.all.size >= Math.min(FEWEST, count) && this.failed.size > count * MOST_FAILING;
  }
}

/** The end of a run that was not told to go on. */
export function tooManyUnreadable(share: string, example: string): UserError {
  return new UserError(`${share} (${example}); mend or remove them, or allow them with --allow-bad.`);
}
