/** When to measure: as often as asked, unless that would take a notable part of the time. */

/** Share of training time that measuring after every epoch may take. */
const MOST_TIME = 0.1;

export type EvaluationDecision = { evaluate: true } | { evaluate: false; reason: string | null };

export class EvaluationSchedule {
  /** Of the last measurement; undefined before the first. */
  private cost: number | undefined;
  private trained = 0;

  /** @param every epochs between measurements; 1: every epoch as far as time allows; 0: never */
  constructor(private readonly every: number) {}

  /** Time spent on steps. */
  addTraining(seconds: number): void {
    this.trained += seconds;
  }

  measured(seconds: number): void {
    this.cost = seconds;
    this.trained = 0;
  }

  /** @param epoch epochs done */
  decide(epoch: number, isLast: boolean): EvaluationDecision {
    if (this.every === 0) return { evaluate: false, reason: null };
    if (isLast) return { evaluate: true };
    if (epoch % this.every !== 0) return { evaluate: false, reason: null };
    // A number above 1 was chosen by somebody, who knows what it takes.
    if (this.every > 1 || this.cost === undefined || this.cost <= MOST_TIME * this.trained) return { evaluate: true };
    const reason =
      `measuring takes ${this.cost.toFixed(1)} s, more than ${100 * MOST_TIME}% of the ` +
      `${this.trained.toFixed(1)} s of training since the last time`;
    return { evaluate: false, reason };
  }
}
