/** Pictures of a dataset: rows, facets, one in detail, and the bytes behind addresses. */
import { stat } from 'node:fs/promises';
import { PictureError } from '../data';
import {
  attributeColumn,
  attributeValues,
  DEFAULT_THRESHOLD,
  facetsOf,
  Flag,
  FORMAT_SHIFT,
  FORMATS,
  firstKind,
  groupsOf,
  rowsOf,
  THUMBNAIL_SIZES,
  useOf,
  type IndexedDataset,
} from '../data/index/index';
import { PICTURE_SIZES, USES, type Handlers, type PictureDetail, type Result } from '../protocol';
import type { DatasetShelf } from './dataset-shelf';
import { notFound } from './host-error';

type PictureMethod =
  | 'pictures.ids'
  | 'pictures.rows'
  | 'pictures.facets'
  | 'pictures.attributeValues'
  | 'pictures.attribute'
  | 'pictures.detail'
  | 'pictures.read';

export function pictureHandlers(shelf: DatasetShelf): Handlers<PictureMethod> {
  const noAttribute = (): Error => notFound('such attribute');
  return {
    'pictures.ids': ({ dataset: id, filter, sort }) => {
      const dataset = shelf.get(id);
      const { ids, bytes } = dataset.shown(filter, sort);
      // A copy: whoever sends it may hand its memory over.
      return { revision: dataset.record.revision, bytes, ids: ids.slice() };
    },
    'pictures.rows': ({ dataset: id, ids }) => {
      const dataset = shelf.get(id);
      return { revision: dataset.record.revision, rows: dataset.rows(ids) };
    },
    'pictures.facets': ({ dataset: id, filter, bins, selection }) => {
      const dataset = shelf.get(id);
      return { revision: dataset.record.revision, ...facetsOf(dataset, filter, bins, selection) };
    },
    'pictures.attributeValues': ({ dataset: id, filter, name, text = '', from, count }) => {
      const values = attributeValues(shelf.get(id), filter, name, text);
      if (!values) throw noAttribute();
      return { total: values.length, values: values.slice(from, from + count) };
    },
    'pictures.attribute': ({ dataset: id, name, ids }) => {
      const column = attributeColumn(shelf.get(id), name, ids);
      if (!column) throw noAttribute();
      return column;
    },
    'pictures.detail': ({ dataset: id, picture }) => {
      const dataset = shelf.get(id);
      return detailOf(shelf, dataset, shelf.picture(dataset, picture));
    },
    'pictures.read': ({ dataset, picture, size, partial }) => readPicture(shelf, shelf.get(dataset), picture, size, partial),
  };
}

async function detailOf(shelf: DatasetShelf, dataset: IndexedDataset, picture: number): Promise<PictureDetail> {
  const { columns, record } = dataset;
  const path = dataset.paths.one(picture) ?? '';
  const file = await shelf.file(dataset, picture).catch(() => undefined);
  const header = file === undefined ? undefined : await shelf.pool.run({ kind: 'header', path: file }, { first: true }).catch(() => undefined);
  const flags = columns.flags[picture]!;
  const kind = firstKind(columns.problems[picture]!);
  const taken = columns.taken[picture]!;
  const group = groupsOf(dataset, DEFAULT_THRESHOLD).find(({ members }) => members.includes(picture));
  return {
    picture,
    path,
    file: file ?? `${record.folder}/${path}`,
    present: file !== undefined && (await stat(file).catch(() => undefined)) !== undefined,
    class: columns.class[picture]!,
    classByHand: (flags & Flag.classByHand) !== 0,
    split: flags & Flag.heldOut ? 'held-out' : 'train',
    use: USES[useOf(flags)]!,
    width: columns.width[picture]!,
    height: columns.height[picture]!,
    bytes: columns.size[picture]!,
    modified: columns.modified[picture]!,
    taken: Number.isNaN(taken) ? null : taken,
    format: header?.format || (FORMATS[flags >>> FORMAT_SHIFT] ?? ''),
    colours: header?.colours ?? '',
    turned: (flags & Flag.turned) !== 0,
    camera: header?.camera ?? null,
    attributes: dataset.attributes.flatMap((attribute) => {
      const number = attribute.kind === 'number' ? (attribute.numbers[picture] ?? NaN) : NaN;
      const text = attribute.kind === 'text' ? attribute.values[attribute.codes[picture] ?? -1] : undefined;
      const value = text ?? (Number.isNaN(number) ? undefined : String(number));
      return value === undefined ? [] : [{ name: attribute.name, value }];
    }),
    duplicates: group ? group.members.filter((member) => member !== picture) : new Uint32Array(0),
    problem: kind === undefined ? null : rowsOf(dataset, kind, Uint32Array.of(picture))[0]!.message,
    version: columns.version[picture]!,
  };
}

async function readPicture(
  shelf: DatasetShelf,
  dataset: IndexedDataset,
  picture: number,
  size: number,
  partial: boolean,
): Promise<Result<'pictures.read'>> {
  if (!PICTURE_SIZES.some((each) => each === size)) throw notFound('such size of pictures');
  const isThumbnail = !partial && THUMBNAIL_SIZES.some((each) => each === size);
  const key = { dataset: dataset.id, picture: shelf.picture(dataset, picture), version: dataset.columns.version[picture]!, size };
  // Before the file, which may be gone or on a slow disk.
  const known = isThumbnail ? await shelf.thumbnails.known(key) : undefined;
  if (known) return { type: 'image/webp', bytes: known };
  const path = await shelf.file(dataset, picture);
  try {
    if (partial) return { type: 'image/png', bytes: await shelf.pool.run({ kind: 'part-view', path }, { first: true }) };
    if (isThumbnail) return { type: 'image/webp', bytes: await shelf.thumbnails.get(key, path) };
    return { type: 'image/jpeg', bytes: await shelf.pool.run({ kind: 'view', path, size, type: 'jpeg' }, { first: true }) };
  } catch (error) {
    if (error instanceof PictureError) throw notFound(`picture to show (${error.reason})`);
    throw error;
  }
}
