/**
 * How long the index takes over many rows: `ROWS=1000000 npx esbuild test/bench/dataset-index.ts --bundle --platform=node
 * --format=esm --packages=external --outfile=node_modules/.cache/dataset-index.mjs && node node_modules/.cache/dataset-index.mjs`.
 */
import { join } from 'node:path';
import { DatasetIndex, facetsOf, groupsOf, searchDuplicates } from '../../src/engine/data/index/index';
import { removeTemporaryFolders, temporaryFolder } from '../support/temporary-folder';
import { synthetic } from '../unit/data-index/synthetic';

const count = Number(process.env.ROWS ?? 1_000_000);
const file = join(temporaryFolder(), 'library.db');
let start = performance.now();
let used = process.cpuUsage();
/** Elapsed, and what this process had of the processor, which is what counts on a busy machine. */
const lap = (what: string): void => {
  const { user, system } = process.cpuUsage(used);
  const [wall, own] = [performance.now() - start, (user + system) / 1000].map((time) => time.toFixed(0).padStart(7));
  process.stdout.write(`${what.padEnd(56)} ${wall} ms, processor ${own} ms\n`);
  start = performance.now();
  used = process.cpuUsage();
};
const made = DatasetIndex.open(file);
await synthetic(made, count);
made.close();
lap(`make ${count.toLocaleString('en')} rows`);
const index = DatasetIndex.open(file);
const [dataset] = index.list;
if (!dataset) throw new Error('The dataset is gone.');
dataset.rows(dataset.shown({}, { by: 'path' }).ids.slice(0, 200));
lap('open: database, columns, first 200 rows by path');
for (const by of ['mixed', 'class', 'bytes', 'taken', 'shorter-side'] as const) {
  dataset.shown({}, { by });
  lap(`list sorted by ${by}, the first time`);
}
dataset.rows(dataset.shown({}, { by: 'mixed' }).ids.slice(count / 2, count / 2 + 2000));
lap('2,000 rows from the middle of a known list');
dataset.shown({ text: 'img_00' }, { by: 'path' });
lap('text in the path');
dataset.shown({ classes: [1, 2], shorterSide: { from: 500 } }, { by: 'mixed' });
lap('filter by class and size');
facetsOf(dataset, { classes: [1, 2] }, 40);
lap('facets');
const edit = dataset.edit(() =>
  dataset
    .shown({}, { by: 'mixed' })
    .ids.slice(0, 1000)
    .forEach((id) => (dataset.columns.flags[id]! |= 8)),
);
lap('leave out 1,000');
dataset.undo(edit.undo);
lap('take it back');
await searchDuplicates(dataset, { signal: new AbortController().signal, report: () => undefined });
lap('look for duplicates');
const groups = groupsOf(dataset, 0.92);
lap(`${groups.length.toLocaleString('en')} groups at another threshold`);
index.close();
removeTemporaryFolders();
