/** Changes that can be taken back: what the changed pictures, and the dataset as a whole, were before. */
import type { PictureTable } from './columns';
import type { DatasetRecord } from './record';

/** Parts of the record that changes touch. */
const EDITED = ['labels', 'holdOut', 'classes', 'generation', 'attributes'] as const;
type EditedRecord = Pick<DatasetRecord, (typeof EDITED)[number]>;

/** Decisions on duplicates, which lie beside the columns. */
export interface DuplicateDecisions {
  /** Pictures that somebody chose: kept or not. */
  choices: Map<number, boolean>;
  /** Sets of pictures that are never grouped with each other. */
  separations: Uint32Array[];
}

interface Before {
  readonly pictures: Uint32Array;
  readonly flags: Uint32Array;
  readonly classes: Int32Array;
  readonly problems: Uint32Array;
  readonly record: EditedRecord;
  readonly decisions: DuplicateDecisions | undefined;
}

export interface EditResult {
  /** Pictures that changed. */
  readonly changed: number;
  readonly undo: number;
  /** Classes or attributes are others, by which pictures may be sorted. */
  readonly reorders: boolean;
}

/** Changes that are kept. */
const KEPT = 50;
/** Memory for them, in pictures of all changes together. */
const KEPT_PICTURES = 8_000_000;

const editedOf = (record: DatasetRecord): EditedRecord =>
  Object.fromEntries(EDITED.map((name) => [name, record[name]])) as unknown as EditedRecord;
const copyOf = ({ choices, separations }: DuplicateDecisions): DuplicateDecisions => ({
  choices: new Map(choices),
  separations: [...separations],
});

export class EditLog {
  private readonly kept = new Map<number, Before>();
  private next = 1;

  /**
   * Runs `change`, which may alter flags, classes and problems of any picture, the record's edited parts, and, where they are
   * given, the decisions on duplicates. Marks what changed for saving.
   */
  run(table: PictureTable, record: DatasetRecord, change: () => void, decisions?: DuplicateDecisions): EditResult {
    const { length } = table;
    const { flags, class: classes, problems } = table.columns;
    const before = { flags: flags.slice(0, length), classes: classes.slice(0, length), problems: problems.slice(0, length) };
    const edited = editedOf(record);
    const decided = decisions && copyOf(decisions);
    change();
    const pictures: number[] = [];
    let changed = 0;
    let reorders = edited.generation !== record.generation;
    for (let i = 0; i < length; i++) {
      if (flags[i] === before.flags[i] && classes[i] === before.classes[i] && problems[i] === before.problems[i]) continue;
      pictures.push(i);
      if (classes[i] !== before.classes[i]) reorders = true;
      table.touch(i);
      // A new class moves the indices of others, which changes nothing for their pictures.
      const isSameClass = edited.classes[before.classes[i]!] === record.classes[classes[i]!];
      if (!isSameClass || flags[i] !== before.flags[i] || problems[i] !== before.problems[i]) changed++;
    }
    const undo = this.keep({
      pictures: Uint32Array.from(pictures),
      flags: pick(before.flags, pictures),
      classes: pick(before.classes, pictures),
      problems: pick(before.problems, pictures),
      record: edited,
      decisions: decided,
    });
    return { changed, undo, reorders };
  }

  /** Takes a change back. @returns undefined where it is not known any more */
  undo(id: number, table: PictureTable, record: DatasetRecord, decisions: DuplicateDecisions): EditResult | undefined {
    const before = this.kept.get(id);
    if (!before) return undefined;
    this.kept.delete(id);
    const { flags, class: classes, problems } = table.columns;
    return this.run(
      table,
      record,
      () => {
        before.pictures.forEach((picture, i) => {
          flags[picture] = before.flags[i]!;
          classes[picture] = before.classes[i]!;
          problems[picture] = before.problems[i]!;
        });
        Object.assign(record, before.record);
        if (before.decisions) Object.assign(decisions, copyOf(before.decisions));
      },
      before.decisions && decisions,
    );
  }

  /** Whether an attribute generation may come back. */
  get generations(): Set<number> {
    return new Set([...this.kept.values()].map(({ record }) => record.generation));
  }

  /** After a scan nothing can be taken back. */
  clear(): void {
    this.kept.clear();
  }

  private keep(before: Before): number {
    const id = this.next++;
    this.kept.set(id, before);
    const pictures = (): number => [...this.kept.values()].reduce((sum, each) => sum + each.pictures.length, 0);
    while (this.kept.size > KEPT || (this.kept.size > 1 && pictures() > KEPT_PICTURES)) {
      this.kept.delete(this.kept.keys().next().value!);
    }
    return id;
  }
}

function pick<A extends Uint32Array | Int32Array>(from: A, places: readonly number[]): A {
  const picked = (from instanceof Uint32Array ? new Uint32Array(places.length) : new Int32Array(places.length)) as A;
  places.forEach((place, i) => (picked[i] = from[place]!));
  return picked;
}
