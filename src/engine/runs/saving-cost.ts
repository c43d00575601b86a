/** Whether saving takes a notable part of the time, where somebody asked for checkpoints by epoch. */

const MOST_TIME = 0.1;
/** The first may be slow by chance. */
const FEWEST = 3;

export class SavingCost {
  private saved = 0;
  private saving = 0;
  private told = false;

  /** @param every epochs between checkpoints; 0: nobody asked for them */
  constructor(private readonly every: number) {}

  /**
   * A checkpoint was written.
   * @param seconds that it took
   * @param elapsed seconds since the run was started or taken up
   * @returns what to say about it, once
   */
  add(seconds: number, elapsed: number): string | undefined {
    this.saved++;
    this.saving += seconds;
    if (this.every === 0 || this.told || this.saved < FEWEST || this.saving <= MOST_TIME * elapsed) return undefined;
    this.told = true;
    return (
      `Saving takes ${Math.round((100 * this.saving) / elapsed)}% of the time, with checkpoint_every ${this.every}: ` +
      'in the next run raise it, or leave it out and let checkpoint_minutes decide.'
    );
  }
}
