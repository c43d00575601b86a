/** The area of datasets: adding, reading, labels, split, leaving out, taking back. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  applyLabels,
  classNames,
  DatasetIndex,
  drawSplit,
  Flag,
  noteBroken,
  readLabels,
  realFolder,
  refreshGroupCount,
  setClassNames,
  type IndexedDataset,
} from '../data/index/index';
import { UserError } from '../errors';
import { fileError } from '../formats';
import type { Handlers, Params, Result, TopicValue } from '../protocol';
import { changeOf, DatasetShelf } from './dataset-shelf';
import { datasetView, picturesForRun } from './dataset-view';
import { duplicateHandlers } from './duplicates';
import type { Area, HostContext } from './host-context';
import { HostError, notFound } from './host-error';
import { pictureHandlers } from './pictures';
import { problemHandlers } from './problems';
import { statisticsHandlers } from './statistics';

export async function datasetsArea(context: HostContext): Promise<Area> {
  const { library } = context;
  const closed = [library.runs, library.models, library.cache, library.trash, library.labels];
  const shelf = new DatasetShelf(context, DatasetIndex.open(library.database, closed));
  const list = (): TopicValue<'datasets'> => ({ datasets: shelf.index.list.map((dataset) => datasetView(shelf, dataset)) });
  shelf.tell = () => context.emit('datasets', undefined, list());
  shelf.index.onChange(() => shelf.tell());
  context.datasets = {
    pictures: (id) => picturesForRun(shelf, shelf.get(id)),
    touch: (id) => touch(shelf.get(id)),
    nameOf: (id) => shelf.index.nameOf(id),
    folderOf: (id) => shelf.index.folderOf(id),
    byFolder: (root) => shelf.index.byFolder(root)?.id,
    find: (id, paths) => Promise.resolve(shelf.get(id).paths.find(paths)),
    search: (text, count) => Promise.resolve(shelf.index.search(text, count)),
    noteBroken: (id, pictures) => noteBroken(shelf.get(id), pictures),
    totals: () => ({
      datasets: shelf.index.list.length,
      pictures: shelf.index.list.reduce((sum, { record }) => sum + record.counts.pictures, 0),
    }),
  };
  await shelf.lookForFolders();
  for (const dataset of shelf.index.list) if (dataset.record.going && !shelf.isGone(dataset.id)) await shelf.goOn(dataset);
  return {
    handlers: {
      ...datasetHandlers(shelf),
      ...pictureHandlers(shelf),
      ...problemHandlers(shelf),
      ...duplicateHandlers(shelf),
      ...statisticsHandlers(shelf),
    },
    topics: { datasets: list },
    close: () => shelf.close(),
  };
}

function touch(dataset: IndexedDataset): void {
  dataset.record.opened = Date.now();
  dataset.saveRecord();
}

type DatasetMethod =
  | 'datasets.get'
  | 'datasets.add'
  | 'datasets.makeSample'
  | 'datasets.rescan'
  | 'datasets.update'
  | 'datasets.remove'
  | 'datasets.open'
  | 'datasets.setLabels'
  | 'datasets.setClass'
  | 'datasets.setUse'
  | 'datasets.setHoldOut'
  | 'datasets.setSplit'
  | 'datasets.undo';

function datasetHandlers(shelf: DatasetShelf): Handlers<DatasetMethod> {
  const view = (dataset: IndexedDataset): Result<'datasets.get'> => datasetView(shelf, dataset);
  return {
    'datasets.get': ({ dataset }) => view(shelf.get(dataset)),
    'datasets.add': async ({ folder, name, labels }) => {
      const { dataset, existed } = await shelf.index.add(folder, labels ?? { kind: 'folders' }, name);
      if (!existed) shelf.scan(dataset);
      return { dataset: view(dataset), existed };
    },
    'datasets.makeSample': (params) => addSample(shelf, params),
    'datasets.rescan': async ({ dataset: id }) => {
      const dataset = shelf.get(id);
      await realFolder(dataset.record.folder);
      return { task: await shelf.goOn(dataset) };
    },
    'datasets.update': async (params) => view(await update(shelf, params)),
    'datasets.remove': async ({ dataset: id }) => {
      const dataset = shelf.get(id);
      if (shelf.context.runs.usesDataset(id)) {
        throw new HostError('busy', `A run reads ${dataset.record.name}: stop the run, or wait until it is through.`);
      }
      await shelf.remove(dataset);
      return null;
    },
    'datasets.open': async ({ dataset }) => {
      touch(shelf.get(dataset));
      await shelf.lookForFolders();
      return null;
    },
    'datasets.setLabels': async ({ dataset: id, labels }) => {
      const dataset = shelf.get(id);
      shelf.requireQuiet(dataset);
      const read = await readLabels(dataset, labels);
      shelf.requireQuiet(dataset);
      let outcome = { labelled: 0, classes: 0, unmatched: 0 };
      const result = dataset.edit(() => {
        outcome = applyLabels(dataset, read, false);
        drawSplit(dataset.record.holdOut, dataset.columns, dataset.order({ by: 'path' }));
        if (dataset.record.state === 'ready') dataset.record.message = null;
      });
      if (dataset.record.message === null) shelf.tellOfLabels(dataset);
      return { ...changeOf(dataset, result), ...outcome };
    },
    'datasets.setClass': ({ dataset: id, pictures, class: name }) => {
      const dataset = shelf.get(id);
      return changeOf(
        dataset,
        dataset.edit(() => setClass(dataset, pictures, name)),
      );
    },
    'datasets.setUse': ({ dataset: id, pictures, use }) => {
      const dataset = shelf.get(id);
      const change = (flags: number): number => (use ? flags & ~Flag.leftOut : flags | Flag.leftOut);
      return changeOf(
        dataset,
        dataset.edit(() => alterFlags(dataset, pictures, change)),
      );
    },
    'datasets.setHoldOut': ({ dataset: id, holdOut }) => {
      const dataset = shelf.get(id);
      shelf.requireQuiet(dataset);
      const result = dataset.edit(() => {
        dataset.record.holdOut = holdOut;
        drawSplit(holdOut, dataset.columns, dataset.order({ by: 'path' }));
      });
      if (dataset.record.counts.training === 0 && dataset.record.counts.pictures > 0) {
        dataset.undo(result.undo);
        throw new UserError('Nothing would be left to train on: hold out fewer pictures.');
      }
      return changeOf(dataset, result);
    },
    'datasets.setSplit': ({ dataset: id, pictures, split }) => {
      const dataset = shelf.get(id);
      const side = split === 'held-out' ? Flag.heldOut : 0;
      const change = (flags: number): number => (flags & ~(Flag.heldOut | Flag.splitInTable)) | Flag.splitByHand | side;
      return changeOf(
        dataset,
        dataset.edit(() => alterFlags(dataset, pictures, change)),
      );
    },
    'datasets.undo': ({ dataset: id, undo }) => {
      const dataset = shelf.get(id);
      const result = dataset.undo(undo);
      if (!result) throw notFound('change to take back: it is too old, or the folder was read since');
      if (dataset.record.duplicateGroups !== null) refreshGroupCount(dataset);
      return changeOf(dataset, result);
    },
  };
}

function alterFlags(dataset: IndexedDataset, pictures: Uint32Array, change: (flags: number) => number): void {
  const { flags } = dataset.columns;
  for (const picture of pictures) if (dataset.has(picture)) flags[picture] = change(flags[picture]!);
}

function setClass(dataset: IndexedDataset, pictures: Uint32Array, name: string | null): void {
  const { flags } = dataset.columns;
  const names = classNames(dataset);
  const given = name === null || name.trim() === '' ? null : name.trim();
  for (const picture of pictures) {
    if (!dataset.has(picture)) continue;
    names[picture] = given;
    flags[picture]! |= Flag.classByHand;
  }
  setClassNames(dataset, names);
}

async function addSample(shelf: DatasetShelf, params: Params<'datasets.makeSample'>): Promise<Result<'datasets.makeSample'>> {
  const { count = 2400, seed = 0, name = 'Sample pictures' } = params;
  const folder = join(shelf.context.library.samples, `${count}-${seed}`);
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw fileError(error, folder);
  }
  const { dataset, existed } = await shelf.index.add(folder, { kind: 'folders' }, name);
  if (!existed) {
    dataset.record.sample = { count, seed };
    dataset.saveRecord();
    await shelf.goOn(dataset);
  }
  return { dataset: datasetView(shelf, dataset), existed };
}

async function update(shelf: DatasetShelf, params: Params<'datasets.update'>): Promise<IndexedDataset> {
  const { dataset: id, name, whenUnreadable, ignore, folder } = params;
  const dataset = shelf.get(id);
  const { record } = dataset;
  if (name !== undefined && shelf.index.isNameTaken(name, dataset)) {
    throw new UserError(`Another dataset is called ${name}: choose another name.`);
  }
  if (ignore !== undefined || folder !== undefined) shelf.requireQuiet(dataset);
  const root = folder === undefined ? record.folder : await realFolder(folder);
  const other = shelf.index.byFolder(root);
  if (other && other !== dataset) throw new UserError(`${other.record.name} reads that folder already: choose another one.`);
  Object.assign(
    record,
    { folder: root },
    name === undefined ? {} : { name },
    whenUnreadable === undefined ? {} : { whenUnreadable },
  );
  const isIgnoring = ignore !== undefined && JSON.stringify(ignore) !== JSON.stringify(record.ignore);
  if (isIgnoring) record.ignore = ignore;
  dataset.saveRecord();
  if (folder !== undefined) await shelf.lookForFolders();
  if (isIgnoring || folder !== undefined) shelf.scan(dataset);
  return dataset;
}
