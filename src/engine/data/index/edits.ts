/**
 * Changes that can be taken back, in any order: of each is kept what it altered and what that was. What a scan reads meanwhile,
 * and what later changes altered, stays.
 */
import { UserError } from '../../errors';
import { Flag, type Columns, type PictureTable } from './columns';
import { DecisionChange, type DuplicateDecisions } from './decision-change';
import { classNames, setClassNames } from './labels';
import { problemBit } from './problem-kinds';
import type { DatasetRecord } from './record';

/** Flags that changes alter; the others are the scan's. */
const EDITED = Flag.leftOut | Flag.heldOut | Flag.splitByHand | Flag.splitInTable | Flag.classByHand;
/** Above them in a picture's word: whether it is missing in the table; and, among what was altered, the class. */
const MISSING = 1 << 16;
const CLASS = 1 << 17;
const SIDE = Flag.heldOut | Flag.splitByHand | Flag.splitInTable;

const missingBit = problemBit('not-in-table');

type LabelState = Pick<DatasetRecord, 'labels' | 'generation' | 'attributes'>;

interface Edit {
  /** What took another change back: until it is taken back itself, both count as never made. */
  readonly isUndo: boolean;
  /** Pictures that changed, ascending. */
  readonly pictures: Uint32Array;
  /** Of each, the bits that were altered. */
  readonly altered: Uint32Array;
  /** What they were, and the class as a place in the log's names. */
  readonly words: Uint32Array;
  readonly classes: Int32Array;
  /** Undefined where they were not altered. */
  readonly labels: LabelState | undefined;
  readonly holdOut: DatasetRecord['holdOut'] | undefined;
  readonly decisions: DecisionChange | undefined;
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

export class EditLog {
  private readonly kept = new Map<number, Edit>();
  private next = 1;
  /** Classes by name: places in the record shift with every new class. */
  private readonly names: string[] = [];
  private readonly places = new Map<string, number>();

  /**
   * Runs `change`, which may alter classes, sides and use of any picture, the record's labels and hold-out, and, where they are
   * given, the decisions on duplicates. Marks what changed for saving.
   */
  run(table: PictureTable, record: DatasetRecord, change: () => void, decisions?: DuplicateDecisions): EditResult {
    return this.note({ table, record, decisions }, change, false);
  }

  /**
   * Takes a change back. @returns undefined where it is not known any more
   * @throws UserError where what it altered was read or drawn anew since
   */
  undo(id: number, table: PictureTable, record: DatasetRecord, decisions: DuplicateDecisions): EditResult | undefined {
    const edit = this.kept.get(id);
    if (!edit) return undefined;
    const later = [...this.kept].flatMap(([other, each]) => (other > id && !each.isUndo ? [each] : []));
    refuseBelow(edit, later);
    this.kept.delete(id);
    const change = (): void => {
      this.restore(edit, later, table.columns, record);
      Object.assign(record, edit.labels, edit.holdOut && { holdOut: edit.holdOut });
      edit.decisions?.restore(
        decisions,
        later.flatMap((each) => each.decisions ?? []),
      );
    };
    return this.note({ table, record, decisions: edit.decisions && decisions }, change, !edit.isUndo);
  }

  /** Of the attributes that may come back. */
  get generations(): number[] {
    return [...this.kept.values()].flatMap(({ labels }) => labels?.generation ?? []);
  }

  /** After a scan nothing can be taken back. */
  clear(): void {
    this.kept.clear();
  }

  private note(
    { table, record, decisions }: { table: PictureTable; record: DatasetRecord; decisions: DuplicateDecisions | undefined },
    change: () => void,
    isUndo: boolean,
  ): EditResult {
    const { length, columns } = table;
    const words = new Uint32Array(length);
    for (let i = 0; i < length; i++) words[i] = wordOf(columns, i);
    const classes = columns.class.slice(0, length);
    const { labels, generation, attributes, holdOut, classes: names } = record;
    const decided = decisions && new DecisionChange(decisions);
    change();
    const [namesBefore, namesNow] = [names, record.classes].map((list) => list.map((name) => this.placeOf(name)));
    const pictures: number[] = [];
    const altered: number[] = [];
    let reorders = generation !== record.generation;
    for (let i = 0; i < length; i++) {
      const [before, now] = [classes[i]!, columns.class[i]!];
      let bits = words[i]! ^ wordOf(columns, i);
      // A new class moves the places of others, which changes nothing for their pictures.
      if ((namesBefore![before] ?? -1) !== (namesNow![now] ?? -1)) bits |= CLASS;
      if (before !== now) reorders = true;
      if (before !== now || bits !== 0) table.touch(i);
      if (bits === 0) continue;
      pictures.push(i);
      altered.push(bits);
    }
    decided?.finish(decisions!);
    const undo = this.keep({
      isUndo,
      pictures: Uint32Array.from(pictures),
      altered: Uint32Array.from(altered),
      words: Uint32Array.from(pictures, (picture) => words[picture]!),
      classes: Int32Array.from(pictures, (picture) => namesBefore![classes[picture]!] ?? -1),
      labels: generation === record.generation ? undefined : { labels, generation, attributes },
      holdOut: holdOut === record.holdOut ? undefined : holdOut,
      decisions: decided,
    });
    return { changed: pictures.length, undo, reorders };
  }

  /** What later changes altered again stays as they made it, and comes back as it was before `edit` when they are taken back. */
  private restore(edit: Edit, later: readonly Edit[], columns: Columns, record: DatasetRecord): void {
    const names = classNames({ columns, record });
    const at = later.map(() => 0);
    let isOther = false;
    edit.pictures.forEach((picture, i) => {
      const word = edit.words[i]!;
      let bits = edit.altered[i]!;
      later.forEach((other, k) => {
        while (other.pictures[at[k]!]! < picture) at[k]!++;
        const place = at[k]!;
        if (other.pictures[place] !== picture) return;
        const common = bits & other.altered[place]!;
        other.words[place] = mixed(other.words[place]!, word, common);
        if (common & CLASS) other.classes[place] = edit.classes[i]!;
        bits &= ~common;
      });
      columns.flags[picture] = mixed(columns.flags[picture]!, word, bits & EDITED);
      if (bits & MISSING) columns.problems[picture] = mixed(columns.problems[picture]!, word & MISSING ? missingBit : 0, missingBit);
      if (!(bits & CLASS)) return;
      names[picture] = this.names[edit.classes[i]!] ?? null;
      isOther = true;
    });
    if (isOther) setClassNames({ columns, record }, names);
  }

  private placeOf(name: string): number {
    const known = this.places.get(name);
    if (known !== undefined) return known;
    this.places.set(name, this.names.length);
    return this.names.push(name) - 1;
  }

  private keep(edit: Edit): number {
    const id = this.next++;
    this.kept.set(id, edit);
    const pictures = (): number => [...this.kept.values()].reduce((sum, each) => sum + each.pictures.length, 0);
    while (this.kept.size > KEPT || (this.kept.size > 1 && pictures() > KEPT_PICTURES)) {
      this.kept.delete(this.kept.keys().next().value!);
    }
    return id;
  }
}

/** Bits of a picture that changes alter. */
const wordOf = ({ flags, problems }: Columns, picture: number): number =>
  (flags[picture]! & EDITED) | (problems[picture]! & missingBit ? MISSING : 0);

const mixed = (now: number, before: number, bits: number): number => (now & ~bits) | (before & bits);

/** Reading labels and drawing sides decides about all pictures, also about those that it left as they were. */
function refuseBelow(edit: Edit, later: readonly Edit[]): void {
  const touches = (bits: number): boolean => edit.altered.some((altered) => altered & bits);
  if (later.some(({ labels }) => labels) && (edit.labels || edit.holdOut || touches(CLASS | MISSING | Flag.classByHand | SIDE))) {
    throw new UserError('The labels were read anew since: take that back first.');
  }
  if (later.some(({ holdOut }) => holdOut) && (edit.labels || edit.holdOut || touches(SIDE))) {
    throw new UserError('What is held out was drawn anew since: take that back first.');
  }
}
