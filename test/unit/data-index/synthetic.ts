/** Datasets of many rows without a file behind them, for what depends on size alone. */
import { Flag, type DatasetIndex, type IndexedDataset } from '../../../src/engine/data/index/index';
import { Purpose, Random } from '../../../src/engine/random';
import { temporaryFolder } from '../../support/temporary-folder';

export const CLASSES = 40;

/** Sizes, times, classes and hashes as a large set may have them; every fifth hash is near another's. */
export async function synthetic(index: DatasetIndex, count: number): Promise<IndexedDataset> {
  const { dataset } = await index.add(temporaryFolder(), { kind: 'folders' });
  const { record, table } = dataset;
  record.classes = Array.from({ length: CLASSES }, (_, i) => `class ${String(i).padStart(2, '0')}`);
  await dataset.paths.append(
    0,
    Array.from(
      { length: count },
      (_, i) => `${record.classes[Math.floor((i * CLASSES) / count)]}/IMG_${String(i).padStart(7, '0')}.jpg`,
    ),
  );
  record.length = count;
  table.grow(count);
  const { columns, hashes } = table;
  const random = new Random(1, Purpose.test);
  for (let i = 0; i < count; i++) {
    const side = Math.floor(200 * 2 ** (5 * random.uniform()));
    columns.size[i] = Math.floor(side * side * (0.1 + random.uniform()));
    columns.modified[i] = 1.6e12 + Math.floor(1e11 * random.uniform());
    columns.taken[i] = random.uniform() < 0.5 ? 1.5e12 + i * 1000 : NaN;
    [columns.width[i], columns.height[i]] =
      random.uniform() < 0.7 ? [side, Math.floor(side * 0.75)] : [Math.floor(side * 0.75), side];
    columns.rank[i] = i;
    columns.class[i] = Math.floor((i * CLASSES) / count);
    columns.version[i] = 1;
    columns.flags[i] =
      Flag.present | Flag.read | (random.uniform() < 0.1 ? Flag.heldOut : 0) | (random.uniform() < 0.01 ? Flag.leftOut : 0);
    const near = i % 5 === 4;
    hashes.hashLow[i] = near ? (hashes.hashLow[i - 1]! ^ (1 << random.integer(32))) >>> 0 : random.bits();
    hashes.hashHigh[i] = near ? hashes.hashHigh[i - 1]! : random.bits();
    hashes.content0[i] = i;
    table.touchHashes(i);
  }
  table.touchAll();
  Object.assign(record, { state: 'ready', going: false });
  dataset.save();
  return dataset;
}
