/**
 * `node scripts/pictures.mjs`: draws docs/pictures/sample.jpg, a sheet of sample pictures for the README: two of each class, class
 * by class. Same program, same picture. The packages must be installed (npm ci).
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, runScript } from './set-up.mjs';

const TARGET = join(root, 'docs', 'pictures', 'sample.jpg');
const COLUMNS = 8;
const TILE = 112;
const GAP = 4;
const PER_CLASS = 2;

await runScript(async () => {
  const { default: sharp } = await import('sharp');
  const { drawSample, sampleClasses } = await sampleModule();
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

/** The engine's own drawing code, built for the moment. */
async function sampleModule() {
  const esbuild = await import('esbuild');
  const outfile = join(root, 'out', `pictures-${process.pid}.js`);
  const entry = join(root, 'src', 'engine', 'data', 'sample', 'index.ts');
  const form = { bundle: true, format: 'esm', platform: 'node', target: 'node20', packages: 'external', logLevel: 'error' };
  try {
    await esbuild.build({ entryPoints: [entry], outfile, ...form });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(outfile, { force: true });
  }
}
