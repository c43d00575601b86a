/** What is the matter with files of a dataset. */
import {
  Flag,
  firstKind,
  FORMATS,
  FORMAT_SHIFT,
  lookAt,
  picturesOf,
  problemGroups,
  problemRows,
  problemTable,
  PROBLEM_WORDS,
  rowsOf,
  seeProblems,
} from '../data/index/index';
import type { IndexedDataset, ProblemKind } from '../data/index/index';
import type { Handlers, Params, Result } from '../protocol';
import type { DatasetShelf } from './dataset-shelf';
import { notFound } from './host-error';

type ProblemMethod =
  'problems.groups' | 'problems.list' | 'problems.detail' | 'problems.see' | 'problems.retry' | 'problems.table';

export function problemHandlers(shelf: DatasetShelf): Handlers<ProblemMethod> {
  return {
    'problems.groups': ({ dataset: id, text }) => {
      const dataset = shelf.get(id);
      return { revision: dataset.record.revision, groups: problemGroups(dataset, text) };
    },
    'problems.list': ({ dataset: id, text, kinds, from, count }) => {
      const dataset = shelf.get(id);
      return { revision: dataset.record.revision, ...problemRows(dataset, { text, kinds, from, count }) };
    },
    'problems.detail': ({ dataset: id, picture }) => detailOf(shelf, shelf.get(id), picture),
    'problems.see': (params) => {
      const which = {
        ...('pictures' in params && { pictures: params.pictures }),
        ...('kind' in params && { kind: params.kind }),
      };
      seeProblems(shelf.get(params.dataset), which);
      return null;
    },
    'problems.retry': (params) => retry(shelf, params),
    'problems.table': ({ dataset: id }) => {
      const dataset = shelf.get(id);
      return { fileName: `${dataset.record.name} problems.csv`, text: problemTable(dataset) };
    },
  };
}

async function detailOf(shelf: DatasetShelf, dataset: IndexedDataset, picture: number): Promise<Result<'problems.detail'>> {
  const { columns } = dataset;
  const kind = dataset.has(picture) ? firstKind(columns.problems[picture]!) : undefined;
  if (kind === undefined) throw notFound('such problem');
  const [row] = rowsOf(dataset, kind, Uint32Array.of(picture));
  const note = dataset.notes([picture]).get(`${picture} ${kind}`);
  const file = await shelf.file(dataset, picture).catch(() => undefined);
  const { meaning, remedy } = PROBLEM_WORDS[kind];
  const [width, height] = [columns.width[picture]!, columns.height[picture]!];
  const format = FORMATS[columns.flags[picture]! >>> FORMAT_SHIFT] ?? '';
  const size = width > 0 ? `${width.toLocaleString('en')} × ${height.toLocaleString('en')} px` : '';
  return {
    ...row!,
    file: file ?? `${dataset.record.folder}/${row!.path}`,
    meaning,
    advice: remedy,
    claims: [format, size].filter((part) => part !== '').join(', ') || null,
    modified: columns.modified[picture]!,
    decoderMessage: note?.decoder ?? null,
    readable: file === undefined ? null : await readableOf(shelf, kind, file),
  };
}

/** What could be read of a file that ends too early. */
async function readableOf(shelf: DatasetShelf, kind: ProblemKind, file: string): Promise<Result<'problems.detail'>['readable']> {
  if (kind !== 'cut-short' && kind !== 'damaged') return null;
  const part = await shelf.pool.run({ kind: 'part', path: file }, { first: true }).catch(() => undefined);
  if (!part || part.lines === 0) return null;
  const { lines, ofLines, width, height, rgba } = part;
  return { share: lines / ofLines, lines, ofLines, image: { width, height, rgba } };
}

/** Reads files again. */
async function retry(shelf: DatasetShelf, params: Params<'problems.retry'>): Promise<Result<'problems.retry'>> {
  const dataset = shelf.get(params.dataset);
  shelf.requireQuiet(dataset);
  const wanted = 'kind' in params ? picturesOf(dataset, params.kind) : params.pictures;
  const pictures = wanted.filter((picture) => dataset.has(picture) && dataset.columns.flags[picture]! & Flag.present);
  const title = pictures.length === 1 ? 'Reading a file again' : `Reading ${pictures.length.toLocaleString('en')} files again`;
  const task = shelf.start(dataset, { kind: 'index', title, unit: 'files' }, ({ signal, report }) =>
    lookAt(dataset, pictures, { pool: shelf.pool, thumbnails: shelf.thumbnails, signal, report }),
  );
  return { task };
}
