/**
 * `node scripts/pictures.mjs`: draws docs/pictures/sample.jpg, a sheet of sample pictures for the README: two of each class, class
 * by class. Same program, same picture. The packages must be installed (npm ci).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, runScript } from './set-up.mjs';
import { importTypeScript } from './typescript.mjs';

const TARGET = join(root, 'docs', 'pictures', 'sample.jpg');
const COLUMNS = 8;
const TILE = 112;
const GAP = 4;
const PER_CLASS = 2;

await runScript(async () => {
  const { default: sharp } = await import('sharp');
  const { drawSample, sampleClasses } = await importTypeScript('src/engine/data/sample/index.ts');
  // Two pictures of a class stand above each other.
  const across = COLUMNS * (TILE + GAP) - GAP;
  const down = Math.ceil(sampleClasses.length / COLUMNS) * PER_CLASS * (TILE + GAP) - GAP;
  const tiles = [];
  for (const classIndex of sampleClasses.keys()) {
    for (let pictureIndex = 0; pictureIndex < PER_CLASS; pictureIndex++) {
      const { width, height, data } = drawSample({ seed: 0, classIndex, pictureIndex }, 128);
      const input = await sharp(data, { raw: { width, height, channels: 3 } }).resize(TILE, TILE, { fit: 'cover' }).png().toBuffer();
      const row = Math.floor(classIndex / COLUMNS) * PER_CLASS + pictureIndex;
      tiles.push({ input, left: (classIndex % COLUMNS) * (TILE + GAP), top: row * (TILE + GAP) });
    }
  }
  const ground = { create: { width: across, height: down, channels: 3, background: '#7d8590' } };
  const sheet = await sharp(ground).composite(tiles).jpeg({ quality: 82, mozjpeg: true }).toBuffer();
  mkdirSync(join(root, 'docs', 'pictures'), { recursive: true });
  writeFileSync(TARGET, sheet);
  process.stderr.write(`docs/pictures/sample.jpg: ${across} × ${down}, ${Math.round(sheet.length / 1000)} kB\n`);
  return 0;
});
