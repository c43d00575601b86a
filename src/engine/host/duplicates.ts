/** Groups of the same and of nearly the same pictures, and what is decided about them. */
import {
  DEFAULT_THRESHOLD,
  differingBits,
  edgesBetween,
  Flag,
  groupsOf,
  isOutdated,
  keptOf,
  lastSearch,
  refreshGroupCount,
  sameContent,
  shownGroups,
  similarityOf,
  toLeaveOut,
  type DuplicateGroup as Group,
  type IndexedDataset,
  type KeepRule,
} from '../data/index/index';
import type { DuplicateGroup, Handlers, Result } from '../protocol';
import { changeOf, type DatasetShelf } from './dataset-shelf';
import { notFound } from './host-error';

type DuplicateMethod =
  | 'duplicates.search'
  | 'duplicates.summary'
  | 'duplicates.groups'
  | 'duplicates.compare'
  | 'duplicates.decide'
  | 'duplicates.separate'
  | 'duplicates.apply';

/** Thresholds to choose by. */
const THRESHOLDS = [0.98, 0.95, 0.92];

export function duplicateHandlers(shelf: DatasetShelf): Handlers<DuplicateMethod> {
  return {
    'duplicates.search': ({ dataset: id }) => {
      const dataset = shelf.get(id);
      shelf.requireQuiet(dataset);
      return { task: shelf.findDuplicates(dataset) };
    },
    'duplicates.summary': ({ dataset: id, threshold, keep }) => summaryOf(shelf, shelf.get(id), threshold, keep),
    'duplicates.groups': ({ dataset: id, keep, from, count, ...shown }) => {
      const dataset = shelf.get(id);
      const all = shownGroups(dataset, shown);
      const groups = all.slice(from, from + count).map((group) => groupView(dataset, group, keep));
      return { revision: dataset.record.revision, total: all.length, groups };
    },
    'duplicates.compare': ({ dataset: id, first, second }) => {
      const dataset = shelf.get(id);
      const [a, b] = [shelf.picture(dataset, first), shelf.picture(dataset, second)];
      const { hashLow, hashHigh } = dataset.hashes;
      return {
        hashBits: differingBits(hashLow[a]!, hashHigh[a]!, hashLow[b]!, hashHigh[b]!),
        sameFile: sameContent(dataset, a, b),
      };
    },
    'duplicates.decide': ({ dataset: id, group: first, threshold, keep }) => {
      const dataset = shelf.get(id);
      const group = groupsOf(dataset, threshold).find(({ members }) => members[0] === first);
      if (!group) throw notFound('such group');
      const { decisions } = dataset;
      const kept = new Set(keep);
      const result = dataset.edit(() => {
        for (const picture of group.members) {
          if (keep === null) decisions.choices.delete(picture);
          else decisions.choices.set(picture, kept.has(picture));
        }
      }, decisions);
      return changeOf(dataset, { ...result, changed: group.members.length });
    },
    'duplicates.separate': ({ dataset: id, pictures }) => {
      const dataset = shelf.get(id);
      const { decisions } = dataset;
      const those = pictures.filter((picture) => dataset.has(picture)).slice();
      const result = dataset.edit(() => decisions.separations.push(those), decisions);
      if (lastSearch(dataset)) refreshGroupCount(dataset);
      return changeOf(dataset, { ...result, changed: those.length });
    },
    'duplicates.apply': ({ dataset: id, keep, ...shown }) => {
      const dataset = shelf.get(id);
      const out = toLeaveOut(dataset, shownGroups(dataset, shown), keep);
      const { flags } = dataset.columns;
      return changeOf(
        dataset,
        dataset.edit(() => out.forEach((picture) => (flags[picture]! |= Flag.leftOut))),
      );
    },
  };
}

function summaryOf(
  shelf: DatasetShelf,
  dataset: IndexedDataset,
  threshold: number,
  keep: KeepRule,
): Result<'duplicates.summary'> {
  const search = lastSearch(dataset);
  const groups = groupsOf(dataset, threshold);
  const out = toLeaveOut(dataset, groups, keep).length;
  const countOf = (test: (group: Group) => boolean): number => groups.filter(test).length;
  return {
    revision: dataset.record.revision,
    search: search
      ? {
          ...{ by: { kind: 'hash' }, at: search.at, task: shelf.taskOf('duplicates', dataset.id) },
          outdated: isOutdated(dataset, search),
        }
      : null,
    defaultThreshold: DEFAULT_THRESHOLD,
    sameFile: countOf(({ kind }) => kind === 'same-file'),
    nearly: countOf(({ kind }) => kind === 'nearly'),
    files: groups.reduce((sum, { members }) => sum + members.length, 0),
    acrossSplit: countOf((group) => group.acrossSplit),
    acrossClasses: countOf((group) => group.acrossClasses),
    toLeaveOut: out,
    remaining: dataset.record.counts.pictures - out,
    similarities: similarities(search?.nearest),
    groupsAt: THRESHOLDS.map((each) => ({
      threshold: each,
      groups: search ? groupsOf(dataset, each).filter(({ kind }) => kind === 'nearly').length : 0,
    })),
    flattersKnn: flattery(dataset, groups),
  };
}

/** From 0.6 to 1: a bar for each number of differing bits, 25 … 0. */
function similarities(nearest: Float64Array | undefined): Result<'duplicates.summary'>['similarities'] {
  const counts = Uint32Array.from({ length: 26 }, (_, i) => Math.round(nearest?.[25 - i] ?? 0));
  return { edges: edgesBetween(0.6, 1, 26, false), counts };
}

/** Points that k-NN gains at most: the share of held-out pictures with a copy among those trained on. */
function flattery(dataset: IndexedDataset, groups: readonly Group[]): number {
  const { flags } = dataset.columns;
  const { heldOut } = dataset.record.counts;
  if (heldOut === 0) return 0;
  const copied = groups
    .filter(({ acrossSplit }) => acrossSplit)
    .reduce(
      (sum, { members }) => sum + members.filter((id) => flags[id]! & Flag.heldOut && !(flags[id]! & Flag.leftOut)).length,
      0,
    );
  return (100 * copied) / heldOut;
}

function groupView(dataset: IndexedDataset, group: Group, rule: KeepRule): DuplicateGroup {
  const { columns, hashes, record } = dataset;
  const kept = keptOf(dataset, group.members, rule);
  const ids = Uint32Array.from([...group.members].sort((a, b) => Number(kept.has(b)) - Number(kept.has(a)) || a - b));
  const paths = dataset.paths.of(ids);
  const first = ids[0]!;
  const bits = Array.from(ids, (id) =>
    differingBits(hashes.hashLow[first]!, hashes.hashHigh[first]!, hashes.hashLow[id]!, hashes.hashHigh[id]!),
  );
  return {
    group: group.members[0]!,
    kind: group.kind,
    similarity: similarityOf(Math.max(...bits)),
    remark: remarkOn(dataset, group, paths),
    acrossSplit: group.acrossSplit,
    acrossClasses: group.acrossClasses,
    decided: group.decided,
    members: Array.from(ids, (id, i) => {
      const taken = columns.taken[id]!;
      return {
        picture: id,
        path: paths[i]!,
        width: columns.width[id]!,
        height: columns.height[id]!,
        bytes: columns.size[id]!,
        taken: Number.isNaN(taken) ? null : taken,
        modified: columns.modified[id]!,
        class: record.classes[columns.class[id]!] ?? null,
        split: columns.flags[id]! & Flag.heldOut ? 'held-out' : 'train',
        keep: kept.has(id),
        leftOut: (columns.flags[id]! & Flag.leftOut) !== 0,
        version: columns.version[id]!,
      };
    }),
  };
}

/** Pictures taken within so many milliseconds are a burst. */
const BURST = 10_000;
const NUMBERS = ['', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];

function remarkOn({ columns }: IndexedDataset, { kind, members }: Group, paths: readonly string[]): string {
  const folders = new Set(paths.map((path) => path.slice(0, path.lastIndexOf('/') + 1))).size;
  if (kind === 'same-file') return folders > 1 ? `${NUMBERS[folders] ?? folders} folders` : '';
  const times = [...members].map((id) => columns.taken[id]!);
  const span = Math.max(...times) - Math.min(...times);
  if (span > 0 && span <= BURST) return `a burst, within ${(span / 1000).toFixed(1)} s`;
  const aspects = [...members].map((id) => columns.width[id]! / columns.height[id]!);
  if (Math.max(...aspects) > 1.03 * Math.min(...aspects)) return 'other proportions';
  return members.some((id) => columns.width[id] !== columns.width[members[0]!]) ? 'other sizes' : '';
}
