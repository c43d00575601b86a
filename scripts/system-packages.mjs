/** Debian packages that programs need: installed when this is root, else the one command that does it is said. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { SetUpError } from './set-up.mjs';

/** What Electron needs that a bare Debian lacks. */
const electronPackages = ['libnss3', 'libgtk-3-0', 'libgbm1', 'libasound2', 'libatk-bridge2.0-0', 'libcups2'];

/** Sees to it that all shared libraries of `executable` are there (Linux; elsewhere the runtime brings its own). */
export async function needLibraries(executable) {
  const missing = missingLibraries(executable);
  if (missing.length === 0) return;
  await installPackages(electronPackages, `The window needs system libraries that are missing (${missing.join(', ')}).`);
  const still = missingLibraries(executable);
  if (still.length > 0) throw new SetUpError(`The window needs system libraries that are still missing: ${still.join(', ')}.`);
}

/** Sees to it that a virtual display can be started, for tests without a screen. */
export async function needVirtualDisplay() {
  if (spawnSync('Xvfb', ['-help'], { stdio: 'ignore' }).error === undefined) return;
  await installPackages(['xvfb'], 'Tests of the window need Xvfb where there is no display.');
}

/** A browser for tests of what is served: the path of its program. */
export async function needBrowser() {
  const find = () => (process.env.IBOT_CHROMIUM ? process.env.IBOT_CHROMIUM : browserNames.map(whereIs).find((path) => path));
  const found = find();
  if (found) return found;
  await installPackages(['chromium'], 'Tests of the workbench in a browser need Chromium.');
  const installed = find();
  if (!installed) throw new SetUpError('Chromium was installed and is not to be found: give its path in IBOT_CHROMIUM.');
  return installed;
}

const browserNames = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

function whereIs(name) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

function missingLibraries(executable) {
  if (process.platform !== 'linux') return [];
  const { stdout } = spawnSync('ldd', [executable], { encoding: 'utf8' });
  return [...(stdout ?? '').matchAll(/^\s*(\S+) => not found/gm)].map(([, name]) => name);
}

async function installPackages(names, why) {
  const isRoot = process.getuid?.() === 0;
  if (!existsSync('/usr/bin/apt-get')) throw new SetUpError(`${why} Install what your distribution calls ${names.join(', ')}.`);
  if (!isRoot) throw new SetUpError(`${why} To install them: sudo apt-get install -y ${names.map(present).join(' ')}`);
  process.stderr.write(`${why} Installing them …\n`);
  const install = () => apt(['install', '-y', '--no-install-recommends', ...names.map(present)]);
  // A fresh image has no lists, an old one has lists of packages that are gone.
  if ((await install()) === 0) return;
  await apt(['update']);
  const status = await install();
  if (status !== 0) throw new SetUpError(`${why} apt-get could not install ${names.join(', ')} (status ${status}).`);
}

/** Newer Debian and Ubuntu call some libraries by another name. */
function present(name) {
  const known = (each) => spawnSync('apt-cache', ['show', '--no-all-versions', each], { stdio: 'ignore' }).status === 0;
  return !known(name) && known(`${name}t64`) ? `${name}t64` : name;
}

function apt(parameters) {
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return new Promise((resolve) => {
    const child = spawn('apt-get', ['-qq', ...parameters], { env: environment, stdio: ['ignore', 'ignore', 2] });
    child.on('error', () => resolve(127));
    child.on('close', resolve);
  });
}
