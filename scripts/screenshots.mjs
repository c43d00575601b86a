/**
 * `npm run screenshots [-- NAME …]`: pictures of the program for docs/screenshots/, dark and light, of sample pictures and of short
 * runs that really take place (half an hour on two cores the first time; they stay in the system's folder for temporary files).
 * With names only these views.
 */
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, runScript, setUp, SetUpError } from './set-up.mjs';
import { importTypeScript } from './typescript.mjs';

const folder = join(root, 'docs', 'screenshots');
/** All of them are in the repository. */
const mostBytes = 1.9e6;

await runScript(async () => {
  Object.assign(process.env, await setUp(['driver', 'engine', 'desktop']));
  const { default: sharp } = await import('sharp');
  const { takeScreenshots } = await importTypeScript('test/app/tools/screenshots.ts');
  mkdirSync(folder, { recursive: true });
  const kept = new Set();
  const names = process.argv.slice(2);
  await takeScreenshots(names, async (name, png) => {
    const [file, bytes] = await smaller(sharp(png), name);
    writeFileSync(join(folder, file), bytes);
    kept.add(file);
    process.stderr.write(`docs/screenshots/${file}, ${Math.round(bytes.length / 1000)} kB\n`);
  });
  const there = readdirSync(folder);
  if (names.length === 0) for (const old of there.filter((name) => !kept.has(name))) rmSync(join(folder, old));
  const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  if (bytes > mostBytes) throw new SetUpError(`docs/screenshots has ${(bytes / 1e6).toFixed(1)} MB, more than ${mostBytes / 1e6} MB.`);
  return 0;
});

/** Interfaces have few colours, which PNG keeps sharp; where pictures fill the window it takes far more than JPEG. */
async function smaller(picture, name) {
  const png = await picture.clone().png({ palette: true, colours: 160, effort: 10, compressionLevel: 9, dither: 0.8 }).toBuffer();
  const jpeg = await picture.clone().jpeg({ quality: 76, mozjpeg: true }).toBuffer();
  return jpeg.length < 0.6 * png.length ? [`${name}.jpg`, jpeg] : [`${name}.png`, png];
}
