import { linkSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeSample } from '../../../../src/engine/data/sample';
import { temporaryFolder } from '../../../support/temporary-folder';
import { launch } from '../../support/launch';
import { addDataset } from '../../support/small-run';
import { frameRows, scrollFrames } from './frames';
import type { Part, Row } from './row';

const count = 100_000;
const drawn = 500;

/** A grid of 100,000 pictures, as it is scrolled slowly, fast, and flung. */
export const grid: Part = {
  name: 'grid',
  async measure(): Promise<Row[]> {
    const folder = await manyPictures();
    const shell = await launch({ theme: 'dark' });
    try {
      const { page } = shell;
      const begun = Date.now();
      const dataset = await addDataset(page, folder, 1_800_000);
      const reading = (Date.now() - begun) / 1000;
      await page.evaluate((address) => (location.hash = address), `#/data/${dataset}`);
      await page.getByRole('option').nth(20).waitFor();
      await page.waitForTimeout(3000);
      const rows: Row[] = [{ what: `${count.toLocaleString('en')} pictures of 64 pixels are read, with thumbnails`, value: `${reading.toFixed(0)} s` }];
      for (const [word, speed] of [['slowly', 600], ['fast', 6000], ['flung', 100_000]] as const) {
        rows.push(...frameRows(`grid of ${count.toLocaleString('en')} pictures scrolled ${word}, ${speed.toLocaleString('en')} pixels/s`, await scrollFrames(page, speed, 10)));
      }
      return rows;
    } finally {
      await shell.close();
    }
  },
};

/** As many files, of fewer pictures: each has its own entry in the index and its own thumbnail. */
async function manyPictures(): Promise<string> {
  const folder = join(temporaryFolder(), 'many');
  const originals = join(temporaryFolder(), 'originals');
  await makeSample({ folder: originals, count: drawn, size: 64 });
  for (const name of readdirSync(originals)) {
    mkdirSync(join(folder, name), { recursive: true });
    for (const file of readdirSync(join(originals, name))) {
      for (let i = 0; i < count / drawn; i++) linkSync(join(originals, name, file), join(folder, name, `${String(i).padStart(4, '0')}-${file}`));
    }
  }
  return folder;
}
