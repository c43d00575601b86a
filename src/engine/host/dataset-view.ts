/** A dataset as windows see it, and its pictures as runs take them. */
import { stat } from 'node:fs/promises';
import type { Manifest, Problem } from '../data';
import { Flag, problemRows, usedPictures, type IndexedDataset } from '../data/index/index';
import { UserError } from '../errors';
import type { Dataset } from '../protocol';
import type { DatasetShelf } from './dataset-shelf';
import type { DatasetPictures } from './host-context';

export function datasetView(shelf: DatasetShelf, dataset: IndexedDataset): Dataset {
  const { record, id } = dataset;
  const { problems, unseenProblems, cover, ...counts } = record.counts;
  const task = shelf.reading(id);
  const isGone = shelf.isGone(id);
  return {
    dataset: id,
    name: record.name,
    folder: record.folder,
    state: task !== null ? 'indexing' : isGone ? 'gone' : record.state,
    message: task === null && isGone ? `${record.folder} is not there.` : record.message,
    task,
    revision: record.revision,
    added: record.added,
    opened: record.opened,
    ...counts,
    classes: record.classes,
    classCount: counts.classCount ?? record.classes.length,
    labels: record.labels,
    attributes: record.attributes,
    holdOut: record.holdOut,
    whenUnreadable: record.whenUnreadable,
    ignore: record.ignore,
    problems,
    unseenProblems,
    duplicateGroups: record.duplicateGroups,
    cover: Uint32Array.from(cover),
    sample: record.sample !== null,
    lastScan: record.lastScan,
  };
}

/** @throws UserError while it is being read, when its folder is gone, or when nothing is left to train on */
export async function picturesForRun(shelf: DatasetShelf, dataset: IndexedDataset): Promise<DatasetPictures> {
  const { record } = dataset;
  if (shelf.reading(dataset.id) !== null) throw new UserError(`${record.name} is still being read: wait until it is through.`);
  const isThere = await stat(record.folder).then(
    (info) => info.isDirectory(),
    () => false,
  );
  if (!isThere)
    throw new UserError(`The folder of ${record.name} is not there (${record.folder}): put it back, or say where it is now.`);
  if (record.counts.training === 0) {
    throw new UserError(`${record.name} has no pictures to train on: add some to its folder, or take left-out ones in again.`);
  }
  return {
    name: record.name,
    revision: record.revision,
    manifest: await manifestOf(dataset),
    problems: problemsOf(dataset),
    allowBad: record.whenUnreadable === 'leave-out',
  };
}

/** Asked for at each change of a draft, and large: kept until the dataset changes, while there is memory for it. */
async function manifestOf(dataset: IndexedDataset): Promise<Manifest> {
  const { record, columns } = dataset;
  const kept = dataset.once(`manifest ${record.folder}`, (): { latest?: WeakRef<Manifest> } => ({}));
  const known = kept.latest?.deref();
  if (known) return known;
  const ids = usedPictures(dataset);
  const paths = await dataset.paths.all(dataset.length);
  // A class whose pictures are all left out is none of the run's.
  const used = new Set(Array.from(ids, (id) => columns.class[id]!));
  const classes = record.classes.filter((_, place) => used.has(place));
  const labels = new Map(classes.map((name, label) => [name, label]));
  const pictures = Array.from(ids, (id) => ({
    path: paths[id]!,
    size: columns.size[id]!,
    modified: columns.modified[id]!,
    label: labels.get(record.classes[columns.class[id]!] ?? '') ?? -1,
    split: columns.flags[id]! & Flag.heldOut ? ('held-out' as const) : ('train' as const),
  }));
  const manifest: Manifest = { root: record.folder, classes, pictures };
  kept.latest = new WeakRef(manifest);
  return manifest;
}

function problemsOf(dataset: IndexedDataset): readonly Problem[] {
  return dataset.once('left-out-problems ', () => {
    const { problems } = problemRows(dataset, { from: 0, count: Infinity });
    return problems.flatMap(({ path, message, done }) => (done === 'left-out' ? [{ path, reason: message }] : []));
  });
}
