/**
 * Decides which Vulkan driver the engine uses, and with which environment its process must be started for that. The Vulkan
 * loader reads its environment once, so this happens in the process that starts the engine, not in the engine.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../errors';
import { isSoftwareName, noSuchAdapter, parseListedAdapters } from './adapter-names';
import { defaultCacheFolder, run } from './driver-files';
import { privateLavapipe, type PrivateDriver } from './driver-lavapipe';
import { privateSwiftShader } from './driver-swiftshader';

export type DriverSource =
  /** The machine's own driver for a real graphics card (on macOS and Windows always). */
  | 'system'
  /** The user chose one by VK_DRIVER_FILES or VK_ICD_FILENAMES. */
  | 'environment'
  | 'installed-lavapipe'
  | 'private-lavapipe'
  | 'swiftshader';

export type DriverPreference = 'system' | 'lavapipe' | 'swiftshader';

export interface DriverChoice {
  source: DriverSource;
  /** Variables to set on top of the process's own. */
  env: Record<string, string>;
  /** A sentence for the user, where there is something to know or to do. */
  note?: string;
}

export interface DriverOptions {
  /** Default: the environment variable IBOT_DRIVER, else the best there is. */
  prefer?: DriverPreference;
  env?: NodeJS.ProcessEnv;
  cacheFolder?: string;
  /** Receives a line when something takes long. Default: standard error. */
  progress?: (line: string) => void;
  /** Names of the adapters that Dawn accepts under these variables. Default: asks Dawn in a process of its own. */
  probe?: (env: Record<string, string>) => Promise<string[]>;
  machine?: GraphicsMachine;
}

/** What can be seen of graphics on this machine without loading a driver. */
export interface GraphicsMachine {
  platform: NodeJS.Platform;
  /** Device files of graphics cards. */
  cards: string[];
  /** Vulkan manifests in the places where the loader looks. */
  manifests: string[];
  /** Vulkan manifests in a place where the loader does not look. */
  extraManifests: string[];
}

/**
 * The driver to use, in this order: a real card's, an installed lavapipe that Dawn accepts (Mesa 24 or newer), a lavapipe of the
 * distribution unpacked into the program's cache, SwiftShader out of the Electron runtime in the cache. The decision is cached
 * until drivers or cards of the machine change; a cached one costs a few file look-ups and no network.
 * @throws UserError when there is none, with each reason.
 */
export async function driverEnvironment(options: DriverOptions = {}): Promise<DriverChoice> {
  const env = options.env ?? process.env;
  const machine = options.machine ?? lookAtMachine(env);
  if (machine.platform !== 'linux') return { source: 'system', env: {} };
  const prefer = options.prefer ?? preferenceFrom(env);
  const runtimeFolder = { XDG_RUNTIME_DIR: env.XDG_RUNTIME_DIR || tmpdir() }; // Mesa wants one
  if (!prefer && (env.VK_DRIVER_FILES || env.VK_ICD_FILENAMES)) return { source: 'environment', env: runtimeFolder };

  const cacheFolder = options.cacheFolder ?? defaultCacheFolder(env);
  const memory = new ChoiceMemory(join(cacheFolder, 'driver-choices.json'), choiceKey(machine, prefer, env));
  const known = memory.recall();
  const choice = known ?? (await decide(machine, prefer, env, cacheFolder, options));
  if (!known) await memory.keep(choice);
  return { ...choice, env: { ...runtimeFolder, ...choice.env } };
}

function preferenceFrom(env: NodeJS.ProcessEnv): DriverPreference | undefined {
  const wanted = env.IBOT_DRIVER;
  if (!wanted) return undefined;
  if (wanted === 'system' || wanted === 'lavapipe' || wanted === 'swiftshader') return wanted;
  throw new UserError(`IBOT_DRIVER is "${wanted}", but only system, lavapipe and swiftshader exist.`);
}

async function decide(
  machine: GraphicsMachine,
  prefer: DriverPreference | undefined,
  env: NodeJS.ProcessEnv,
  cacheFolder: string,
  options: DriverOptions,
): Promise<DriverChoice> {
  const progress = options.progress ?? ((line) => process.stderr.write(`${line}\n`));
  const probe = options.probe ?? askDawn;
  const reasons: string[] = [];
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      reasons.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  };
  const isCard = (name: string) => !isSoftwareName(name);
  const ownEnv: Record<string, string> = {};
  if (machine.extraManifests.length > 0) {
    ownEnv.VK_ADD_DRIVER_FILES = joinPaths(...machine.extraManifests, env.VK_ADD_DRIVER_FILES);
  }
  const hasManifest = machine.manifests.length + machine.extraManifests.length > 0;

  if (prefer !== 'swiftshader' && hasManifest) {
    const names = (await attempt('the drivers of this machine', () => probe(ownEnv))) ?? [];
    if (prefer !== 'lavapipe' && names.some(isCard)) return { source: 'system', env: ownEnv };
    if (prefer === 'system' && names.length > 0) return { source: 'system', env: ownEnv };
    const lavapipe = machine.manifests.find((path) => /lvp_icd[^/]*\.json$/.test(path));
    if (prefer !== 'system' && lavapipe && names.some((name) => /llvmpipe/i.test(name))) {
      return { source: 'installed-lavapipe', env: selectManifest(lavapipe), note: unusedCardNote(machine) };
    }
  }

  if (prefer !== 'swiftshader') {
    const folder = join(cacheFolder, `lavapipe-1-${process.arch}`);
    const driver = await attempt('lavapipe through apt', () => privateLavapipe(folder, progress));
    if (driver) {
      // A card whose driver is installed without a loader, as in containers: the loader from the cache finds it.
      const withLoader = { ...ownEnv, LD_LIBRARY_PATH: libraryPath(folder, driver, env) };
      if (prefer !== 'lavapipe' && machine.cards.length > 0 && hasManifest) {
        const names = (await attempt('the card with a loader of our own', () => probe(withLoader))) ?? [];
        if (names.some(isCard)) return { source: 'system', env: withLoader };
      }
      const chosen = environmentOf(folder, driver, env);
      if (prefer !== 'system') {
        const names = (await attempt('lavapipe from the cache', () => probe(chosen))) ?? [];
        if (names.length > 0) return { source: 'private-lavapipe', env: chosen, note: unusedCardNote(machine) };
        reasons.push('lavapipe from the cache: Dawn does not accept it here');
      }
    }
  }

  if (prefer === undefined || prefer === 'swiftshader') {
    const folder = join(cacheFolder, `swiftshader-1-${process.arch}`);
    const driver = await attempt('SwiftShader through npm', () => privateSwiftShader(folder, progress));
    if (driver) {
      const chosen = environmentOf(folder, driver, env);
      const names = (await attempt('SwiftShader from the cache', () => probe(chosen))) ?? [];
      const note = unusedCardNote(machine) ?? slowNote(prefer, reasons);
      if (names.length > 0) return { source: 'swiftshader', env: chosen, note };
    }
  }
  const what = prefer === 'lavapipe' || prefer === 'swiftshader' ? prefer : 'graphics';
  const because = reasons.length > 0 ? ` (${reasons.join('; ')})` : '';
  const hint = 'install a Vulkan driver for your graphics card, or mesa-vulkan-drivers 24 or newer';
  throw new UserError(`No ${what} driver works here; ${hint}${because}.`);
}

function unusedCardNote(machine: GraphicsMachine): string | undefined {
  if (machine.cards.length === 0) return undefined;
  return `There is a graphics card (${machine.cards[0]}), but no Vulkan driver for it that works; install its driver to use it.`;
}

function slowNote(prefer: DriverPreference | undefined, reasons: readonly string[]): string | undefined {
  if (prefer || reasons.length === 0) return undefined;
  return `The faster software driver could not be had (${reasons.join('; ')}); IBOT_DRIVER=lavapipe tries again.`;
}

function environmentOf(folder: string, driver: PrivateDriver, env: NodeJS.ProcessEnv): Record<string, string> {
  return { ...selectManifest(join(folder, driver.manifest)), LD_LIBRARY_PATH: libraryPath(folder, driver, env) };
}

function libraryPath(folder: string, driver: PrivateDriver, env: NodeJS.ProcessEnv): string {
  return joinPaths(...driver.libraryFolders.map((path) => join(folder, path)), env.LD_LIBRARY_PATH);
}

/** Old loaders know the second name only. */
function selectManifest(path: string): Record<string, string> {
  return { VK_DRIVER_FILES: path, VK_ICD_FILENAMES: path };
}

function joinPaths(...paths: (string | undefined)[]): string {
  return paths.filter(Boolean).join(':');
}

/** The manifests are looked for where the Vulkan loader does (its "Driver Discovery on Linux"). */
export function lookAtMachine(env: NodeJS.ProcessEnv = process.env): GraphicsMachine {
  if (process.platform !== 'linux') return { platform: process.platform, cards: [], manifests: [], extraManifests: [] };
  const list = (folder: string, wanted: RegExp): string[] => {
    try {
      return readdirSync(folder).filter((name) => wanted.test(name)).sort().map((name) => join(folder, name));
    } catch {
      return [];
    }
  };
  const bases = [
    env.XDG_CONFIG_HOME || join(homedir(), '.config'),
    ...(env.XDG_CONFIG_DIRS || '/etc/xdg').split(':'),
    '/etc',
    env.XDG_DATA_HOME || join(homedir(), '.local/share'),
    ...(env.XDG_DATA_DIRS || '/usr/local/share:/usr/share').split(':'),
  ];
  return {
    platform: process.platform,
    cards: [...list('/dev', /^nvidia\d+$|^dxg$/), ...list('/dev/dri', /^renderD/)],
    manifests: [...new Set(bases.flatMap((base) => list(join(base, 'vulkan/icd.d'), /\.json$/)))],
    extraManifests: list('/usr/local/nvidia/share/vulkan/icd.d', /\.json$/),
  };
}

/** Changes whenever something changes that the decision rests on. */
function choiceKey(machine: GraphicsMachine, prefer: DriverPreference | undefined, env: NodeJS.ProcessEnv): string {
  const times = [...machine.manifests, ...machine.extraManifests].map((path) => `${path} ${modified(path)}`);
  const parts = [prefer ?? 'best', process.arch, machine.cards, times, env.LD_LIBRARY_PATH ?? '', env.VK_ADD_DRIVER_FILES ?? ''];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

function modified(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}

/** Decisions taken before. A broken or missing file, or one that cannot be written, only means deciding again. */
class ChoiceMemory {
  constructor(
    private readonly path: string,
    private readonly key: string,
  ) {}

  recall(): DriverChoice | undefined {
    const choice = this.read()[this.key];
    const manifest = choice?.env.VK_DRIVER_FILES;
    const folders = (choice?.env.LD_LIBRARY_PATH ?? '').split(':').slice(0, 1).filter(Boolean);
    return choice && [...(manifest ? [manifest] : []), ...folders].every((path) => existsSync(path)) ? choice : undefined;
  }

  async keep(choice: DriverChoice): Promise<void> {
    const unfinished = `${this.path}.${process.pid}`;
    try {
      await mkdir(dirname(this.path), { recursive: true });
      await writeFile(unfinished, JSON.stringify({ ...this.read(), [this.key]: choice }, null, 2));
      await rename(unfinished, this.path);
    } catch {
      // Such as a home that is only read.
    }
  }

  private read(): Record<string, DriverChoice> {
    try {
      return (JSON.parse(readFileSync(this.path, 'utf8')) as Record<string, DriverChoice> | null) ?? {};
    } catch {
      return {};
    }
  }
}

/** A driver may crash or hang the process that loads it, so a process of its own asks. */
async function askDawn(env: Record<string, string>): Promise<string[]> {
  const question = `import { create } from 'webgpu';
    const gpu = create(['backend=vulkan', '${noSuchAdapter}']);
    let list = '';
    try { await gpu.requestAdapter(); } catch (error) { list = error.message; }
    process.stdout.write(list, () => process.exit(gpu ? 0 : 1));`;
  const here = dirname(fileURLToPath(import.meta.url));
  const list = await run(process.execPath, ['--input-type=module', '--eval', question], {
    cwd: here,
    env: { XDG_RUNTIME_DIR: tmpdir(), ...process.env, ...env },
    timeout: 60_000,
  });
  return parseListedAdapters(list).map((adapter) => adapter.name);
}
