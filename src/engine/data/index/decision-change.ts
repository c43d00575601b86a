/** Decisions on duplicates, which lie beside the columns, and what a change altered of them. */

export interface DuplicateDecisions {
  /** Pictures that somebody chose: kept or not. */
  choices: Map<number, boolean>;
  /** Sets of pictures that are never grouped with each other. */
  separations: Uint32Array[];
}

export class DecisionChange {
  /** Before the change; once it is finished, of pictures whose choice it altered alone. */
  private choices: Map<number, boolean | undefined>;
  private separations: readonly Uint32Array[];
  private added: readonly Uint32Array[] = [];

  /** Before the change. */
  constructor({ choices, separations }: DuplicateDecisions) {
    this.choices = new Map(choices);
    this.separations = [...separations];
  }

  /** After it. */
  finish({ choices, separations }: DuplicateDecisions): void {
    const before = this.choices;
    const altered = [...new Set([...before.keys(), ...choices.keys()])].filter((picture) => before.get(picture) !== choices.get(picture));
    this.choices = new Map(altered.map((picture) => [picture, before.get(picture)]));
    this.added = separations.filter((each) => !this.separations.includes(each));
    this.separations = this.separations.filter((each) => !separations.includes(each));
  }

  /** @param later changes made since, whose choices stay */
  restore(decisions: DuplicateDecisions, later: readonly DecisionChange[]): void {
    for (const [picture, keep] of this.choices) {
      const other = later.find(({ choices }) => choices.has(picture));
      if (other) other.choices.set(picture, keep);
      else if (keep === undefined) decisions.choices.delete(picture);
      else decisions.choices.set(picture, keep);
    }
    decisions.separations = [...decisions.separations.filter((each) => !this.added.includes(each)), ...this.separations];
  }
}
