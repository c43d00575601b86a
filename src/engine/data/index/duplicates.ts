/** Groups of pictures that are the same file, or nearly the same picture; what is kept of each. */
import { differingBits } from '../picture-hash';
import { Flag, isListed } from './columns';
import type { IndexedDataset } from './dataset';
import { DisjointSets } from './disjoint-sets';
import { findHashPairs, MOST_BITS, nearestCounts } from './hash-pairs';
import { keptOf, type KeepRule } from './keep-rule';

export interface DuplicateSearch {
  /** When it began, in milliseconds since 1970. */
  readonly at: number;
  /** Picture, picture, bits; of equal hashes, which come first, the least picture with each of the others. */
  readonly pairs: Uint32Array;
  /** Pictures by the bits to their nearest, 0 … 25. */
  readonly nearest: Float64Array;
}

export interface DuplicateGroup {
  /** Ascending. */
  readonly members: Uint32Array;
  readonly kind: 'same-file' | 'nearly';
  readonly acrossSplit: boolean;
  readonly acrossClasses: boolean;
  readonly decided: boolean;
}

/** What is nearly the same where nobody chose: at most 3 of 64 bits differ. */
export const DEFAULT_THRESHOLD = 0.95;

/** Bits that may differ at a similarity; never more than are searched for. */
export const bitsAt = (threshold: number): number => Math.min(MOST_BITS, Math.floor((1 - threshold) * 64 + 1e-6));
export const similarityOf = (bits: number): number => 1 - bits / 64;

/** Compares all pictures and keeps what was found. @throws the signal's reason */
export async function searchDuplicates(
  dataset: IndexedDataset,
  progress: { readonly signal: AbortSignal; report(done: number, total: number): void },
): Promise<void> {
  const at = Date.now();
  const { flags } = dataset.columns;
  const { hashLow, hashHigh } = dataset.hashes;
  const pictures = allPictures(dataset).filter((picture) => isListed(flags[picture]!) && !(flags[picture]! & Flag.unreadable));
  // Equal hashes are one for the search, so that a thousand blank pages are not half a million pairs.
  pictures.sort((a, b) => hashHigh[a]! - hashHigh[b]! || hashLow[a]! - hashLow[b]! || a - b);
  const firsts: number[] = [];
  const triples: number[] = [];
  let equals = 0;
  pictures.forEach((picture, i) => {
    const first = firsts.at(-1);
    if (i > 0 && first !== undefined && hashHigh[first] === hashHigh[picture] && hashLow[first] === hashLow[picture]) {
      if (triples.at(-3) !== first || triples.at(-1) !== 0) equals++;
      equals++;
      triples.push(first, picture, 0);
    } else firsts.push(picture);
  });
  const low = Uint32Array.from(firsts, (picture) => hashLow[picture]!);
  const high = Uint32Array.from(firsts, (picture) => hashHigh[picture]!);
  const found = await findHashPairs(low, high, {
    signal: progress.signal,
    report: (done) => progress.report(done, firsts.length),
  });
  const nearest = await nearestCounts(low, high, found.nearest, progress.signal);
  // Those with an equal are at no distance, whatever is next to them.
  nearest[0]! += equals;
  const pairs = new Uint32Array(triples.length + found.pairs.length);
  pairs.set(triples);
  for (let i = 0; i < found.pairs.length; i += 3) {
    pairs[triples.length + i] = firsts[found.pairs[i]!]!;
    pairs[triples.length + i + 1] = firsts[found.pairs[i + 1]!]!;
    pairs[triples.length + i + 2] = found.pairs[i + 2]!;
  }
  const bytes = (array: Uint32Array | Float64Array): Buffer =>
    Buffer.from(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);
  dataset.sql
    .prepare('INSERT OR REPLACE INTO duplicate_search VALUES (?, ?, ?, ?)')
    .run(dataset.number, at, bytes(pairs), bytes(nearest));
  refreshGroupCount(dataset, true);
}

/** Whether pictures came, went or changed since. */
export const isOutdated = (dataset: IndexedDataset, search: DuplicateSearch): boolean => dataset.record.picturesChanged > search.at;

/** After a search, a decision or a scan, the number of groups on the dataset's card. */
export function refreshGroupCount(dataset: IndexedDataset, isNewSearch = false): void {
  if (isNewSearch) dataset.record.revision++;
  dataset.record.duplicateGroups = groupsOf(dataset, DEFAULT_THRESHOLD).length;
  dataset.saveRecord();
}

const allPictures = (dataset: IndexedDataset): Uint32Array => Uint32Array.from({ length: dataset.length }, (_, i) => i);

/** Of the last search; undefined: never looked for. */
export function lastSearch(dataset: IndexedDataset): DuplicateSearch | undefined {
  return dataset.once('search ', () => {
    const row = dataset.sql.prepare('SELECT at, pairs, nearest FROM duplicate_search WHERE dataset = ?').get(dataset.number);
    if (!row) return undefined;
    const { at, pairs, nearest } = row as { at: number; pairs: Uint8Array; nearest: Uint8Array };
    return {
      at,
      pairs: new Uint32Array(new Uint8Array(pairs).buffer),
      nearest: new Float64Array(new Uint8Array(nearest).buffer),
    };
  });
}

/** Groups at a similarity; across the split first, then the same files, then by their first picture. */
export function groupsOf(dataset: IndexedDataset, threshold: number): readonly DuplicateGroup[] {
  const most = bitsAt(threshold);
  return dataset.once(`groups ${most}`, () => {
    const search = lastSearch(dataset);
    if (!search) return [];
    const sets = new DisjointSets(dataset.length, dataset.decisions.separations);
    const { flags } = dataset.columns;
    const { hashLow, hashHigh } = dataset.hashes;
    const isThere = (picture: number): boolean =>
      picture < dataset.length && isListed(flags[picture]!) && !(flags[picture]! & Flag.unreadable);
    // A file that was changed since may look different now.
    const isPair = (a: number, b: number): boolean =>
      isThere(a) && isThere(b) && differingBits(hashLow[a]!, hashHigh[a]!, hashLow[b]!, hashHigh[b]!) <= most;
    /** Of equal hashes, another picture in the place of one that is gone or was changed. */
    const standIns = new Map<number, number>();
    const { pairs } = search;
    for (let i = 0; i < pairs.length; i += 3) {
      const [a, b, bits] = [pairs[i]!, pairs[i + 1]!, pairs[i + 2]!];
      if (bits > most) continue;
      if (bits === 0 && isThere(b) && !isPair(a, b) && !standIns.has(a)) standIns.set(a, b);
      const [first, second] = [standIns.get(a) ?? a, standIns.get(b) ?? b];
      if (isPair(a, b)) sets.join(a, b);
      else if (first !== second && isPair(first, second)) sets.join(first, second);
    }
    const groups = sets.groups().map((members) => describe(dataset, members));
    const order = (group: DuplicateGroup): number => (group.acrossSplit ? 0 : 2) + (group.kind === 'same-file' ? 0 : 1);
    return groups.sort((a, b) => order(a) - order(b) || a.members[0]! - b.members[0]!);
  });
}

function describe(dataset: IndexedDataset, members: Uint32Array): DuplicateGroup {
  const { flags, class: classes } = dataset.columns;
  const first = members[0]!;
  const isSame = members.every((picture) => sameContent(dataset, first, picture));
  const used = members.filter((picture) => !(flags[picture]! & Flag.leftOut));
  const heldOut = used.filter((picture) => flags[picture]! & Flag.heldOut).length;
  return {
    members,
    kind: isSame ? 'same-file' : 'nearly',
    acrossSplit: heldOut > 0 && heldOut < used.length,
    // A copy without a class contradicts nobody.
    acrossClasses: new Set(Array.from(members, (picture) => classes[picture]!).filter((index) => index >= 0)).size > 1,
    decided: members.some((picture) => dataset.decisions.choices.has(picture)),
  };
}

export function sameContent({ hashes }: IndexedDataset, a: number, b: number): boolean {
  return [hashes.content0, hashes.content1, hashes.content2, hashes.content3].every((words) => words[a] === words[b]);
}

/** Which groups are shown. */
export interface ShownGroups {
  readonly threshold: number;
  readonly kinds: readonly ('same-file' | 'nearly')[];
  readonly acrossSplit?: boolean | undefined;
  readonly acrossClasses?: boolean | undefined;
}

export const shownGroups = (dataset: IndexedDataset, shown: ShownGroups): readonly DuplicateGroup[] =>
  groupsOf(dataset, shown.threshold).filter(
    (group) =>
      shown.kinds.includes(group.kind) &&
      (!shown.acrossSplit || group.acrossSplit) &&
      (!shown.acrossClasses || group.acrossClasses),
  );

/** Pictures of groups that are used now and not kept. */
export function toLeaveOut(dataset: IndexedDataset, groups: readonly DuplicateGroup[], rule: KeepRule): Uint32Array {
  const { flags } = dataset.columns;
  const out = groups.flatMap((group) => {
    const kept = keptOf(dataset, group.members, rule);
    return [...group.members].filter((picture) => !kept.has(picture) && !(flags[picture]! & Flag.leftOut));
  });
  return Uint32Array.from(out);
}

/** All pictures in groups, for the grid's filter. */
export function duplicateMembersOf(dataset: IndexedDataset): Uint32Array {
  return Uint32Array.from(groupsOf(dataset, DEFAULT_THRESHOLD).flatMap(({ members }) => [...members]));
}
