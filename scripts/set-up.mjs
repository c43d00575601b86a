/**
 * What has to be there before the engine can run, done when it is not: packages, the built engine, a graphics driver.
 * Plain Node without dependencies, because it runs before anything is installed. All messages go to standard error.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { withoutDriverNoise } from './driver-noise.mjs';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * What is built, each into a folder of its own under out/: the driver's choice and the window's runtime, which these scripts use
 * themselves, and the engine (as commands, and as what the window starts) with the worker that it starts. Paths are below
 * src/engine; one that is not there is left out. Beside these there is `desktop`: the window, built by electron-vite.
 */
const bundles = {
  driver: { driver: 'gpu/driver.ts', 'electron-runtime': 'gpu/electron-runtime.ts' },
  engine: { main: 'cli/main.ts', host: 'host/main.ts', 'decode-worker': 'data/decode-worker.ts' },
};
/** Sources that a bundle is built from, below the root. */
const sourcesOf = (bundle) =>
  bundle === 'desktop' ? ['src/engine', 'src/main', 'src/renderer', 'electron.vite.config.ts'] : ['src/engine'];
const folderOf = (bundle) => join(root, 'out', bundle);

/** Ends the script with one sentence for the user. */
export class SetUpError extends Error {}

/** Everything that `wanted` bundles need; resolves to the environment to start the engine (or tests of it) with. */
export async function setUp(wanted = ['driver', 'engine']) {
  requireNode();
  const outdated = () => wanted.filter((bundle) => needsBuild(bundle));
  const release = needsInstall() || outdated().length > 0 ? await takeLock() : () => {};
  try {
    if (needsInstall()) await install();
    for (const bundle of outdated()) await build(bundle);
  } finally {
    release();
  }
  return engineEnvironment();
}

/** The process's environment with the engine's variables; `prefer` overrides IBOT_DRIVER. */
export async function engineEnvironment(prefer) {
  return { ...process.env, ...(await engineVariables(prefer)) };
}

/** What the engine's environment has beyond this process's: the graphics driver, and threads to decode with. */
async function engineVariables(prefer) {
  const { driverEnvironment } = await import(pathToFileURL(join(folderOf('driver'), 'driver.js')).href);
  const choice = await driverEnvironment({ prefer });
  // Decoding runs in libuv's pool, whose size Node reads before any of our code.
  const threads = process.env.UV_THREADPOOL_SIZE ?? String(Math.max(4, Math.min(16, availableParallelism())));
  const variables = { ...choice.env, IBOT_DRIVER_SOURCE: choice.source, UV_THREADPOOL_SIZE: threads };
  if (choice.note) variables.IBOT_DRIVER_NOTE = choice.note;
  return variables;
}

/** For the window, which hands the engine's variables on: a driver for the engine may be none that the window can draw with. */
export async function windowVariables() {
  return { IBOT_NODE: process.execPath, IBOT_ENGINE_ENVIRONMENT: JSON.stringify(await engineVariables()) };
}

/** Runs a Node program to its end as if it were this one; resolves to the exit status. */
export function runNode(parameters, environment) {
  // At a terminal the driver's noise is taken out; the program then learns from a variable that its standard error is one.
  const filtered = process.stderr.isTTY;
  const terminal = filtered ? { IBOT_TERMINAL_COLUMNS: String(process.stderr.columns ?? 80) } : {};
  const stdio = ['inherit', 'inherit', filtered ? 'pipe' : 'inherit'];
  const child = spawn(process.execPath, parameters, { env: { ...environment, ...terminal }, stdio });
  const said = child.stderr?.pipe(withoutDriverNoise());
  said?.pipe(process.stderr);
  // The terminal was closed: what the child still says is let go, so that it can finish.
  process.stderr.on('error', () => said?.resume());
  // Ctrl-C at a terminal reaches the child by itself, through the process group: a second one sent by us would count as the
  // user's second. Without a terminal the signal reached this process alone and is handed on. npm repeats signals, so once.
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  const handedOn = new Map();
  const handOn = (signal) => {
    if (signal === 'SIGINT' && atTerminal) return;
    const now = Date.now();
    if (now - (handedOn.get(signal) ?? 0) < 500) return;
    handedOn.set(signal, now);
    child.kill(signal);
  };
  const signals = process.platform === 'win32' ? ['SIGINT', 'SIGTERM'] : ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, handOn);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      for (const each of signals) process.off(each, handOn);
      resolve(signal ? 128 + (signalNumbers[signal] ?? 0) : status);
    });
  });
}

const signalNumbers = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGILL: 4, SIGABRT: 6, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 };

/** Runs `main`, turning what it throws into one sentence and status 1. */
export async function runScript(main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    // Errors for the user are known by name, since the driver's come out of a bundle of their own.
    const forUser = error instanceof SetUpError || error?.name === 'UserError';
    process.stderr.write(`${forUser ? error.message : (error?.stack ?? error)}\n`);
    process.exitCode = 1;
  }
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new SetUpError(`iBOT Workbench needs Node 20.19 or newer, this is ${process.versions.node}.`);
  }
}

/**
 * Whether installed packages differ from the lock file, by npm's own record of what it installed. Packages for other systems are
 * in the lock file and not installed; packages installed beyond it do no harm.
 */
function needsInstall() {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return true;
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages;
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(locked).some(([path, { version, optional, devOptional, link }]) => {
    if (path === '' || link) return false;
    if (!(path in installed)) return !optional && !devOptional;
    return installed[path].version !== version;
  });
}

async function install() {
  process.stderr.write('Installing packages (npm ci) …\n');
  const npm = process.env.npm_execpath;
  const own = ['ci', '--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
  const [program, parameters] = npm?.endsWith('.js') ? [process.execPath, [npm, ...own]] : ['npm', own];
  const status = await new Promise((resolve) => {
    // npm's own messages are not the program's output, which may be JSON.
    const shell = process.platform === 'win32' && program === 'npm';
    const child = spawn(program, parameters, { cwd: root, stdio: ['ignore', 2, 2], shell });
    child.on('error', () => resolve(127));
    child.on('close', resolve);
  });
  if (status !== 0) throw new SetUpError(`Installing packages failed (npm ci, status ${status}); the lines above say why.`);
}

/** Changes with every change of a source file, by name, size and time. */
function sourceStamp(bundle) {
  const hash = createHash('sha256');
  const add = (path) => {
    const { size, mtimeMs } = statSync(path);
    hash.update(`${relative(root, path)} ${size} ${mtimeMs}\n`);
  };
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile()) add(path);
    }
  };
  for (const source of sourcesOf(bundle)) {
    const path = join(root, source);
    if (statSync(path).isDirectory()) walk(path);
    else add(path);
  }
  add(join(root, 'package-lock.json'));
  add(fileURLToPath(import.meta.url));
  return hash.digest('hex');
}

function needsBuild(bundle) {
  const stamp = join(folderOf(bundle), 'stamp');
  return !existsSync(stamp) || readFileSync(stamp, 'utf8') !== sourceStamp(bundle);
}

/** Builds beside the old build and then swaps them, so that nobody ever loads half a build. */
async function build(bundle) {
  const stamp = sourceStamp(bundle);
  const folder = folderOf(bundle);
  const unfinished = `${folder}-${process.pid}`;
  try {
    await (bundle === 'desktop' ? buildDesktop(unfinished) : buildWithEsbuild(bundles[bundle], unfinished)).catch((error) => {
      const known = bundle === 'desktop' ? `: ${error.message}` : '; the lines above say where';
      throw new SetUpError(`Building the ${bundle} failed${known}.`);
    });
    writeFileSync(join(unfinished, 'stamp'), stamp);
    rmSync(folder, { recursive: true, force: true });
    renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

async function buildWithEsbuild(entries, outdir) {
  const esbuild = await import('esbuild');
  const sources = Object.entries(entries).map(([name, path]) => [name, join(root, 'src', 'engine', path)]);
  await esbuild.build({
    entryPoints: Object.fromEntries(sources.filter(([, path]) => existsSync(path))),
    outdir,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: true,
    logLevel: 'error',
  });
}

/** Main, preload and renderer in one go; electron.vite.config.ts reads where to. */
async function buildDesktop(outdir) {
  process.stderr.write('Building the window …\n');
  const { build: buildParts } = await import('electron-vite');
  process.env.IBOT_DESKTOP_OUT = outdir;
  try {
    await buildParts({ root, configFile: join(root, 'electron.vite.config.ts'), logLevel: 'error' });
  } finally {
    delete process.env.IBOT_DESKTOP_OUT;
  }
}

/** Only one process at a time installs or builds. The lock of a process that is gone does not count. */
async function takeLock() {
  const lock = join(root, 'out', 'set-up.lock');
  mkdirSync(dirname(lock), { recursive: true });
  for (let said = false; ; ) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      return () => rmSync(lock, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = Number(readIfThere(lock));
    if (holder && !isRunning(holder)) rmSync(lock, { force: true });
    else {
      if (!said) process.stderr.write('Waiting for another process that is setting up …\n');
      said = true;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
