import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { distributionSources, formatDeb822Sources, parseDeb822Sources, parseOneLineSources, type AptSource } from './apt-sources';
import { installOnce, run } from './driver-files';

/** What a driver that lies in the program's cache consists of, as paths inside its folder. */
export interface PrivateDriver {
  /** The Vulkan manifest. */
  manifest: string;
  /** Folders for LD_LIBRARY_PATH. The Vulkan loader is in one of them. */
  libraryFolders: string[];
}

/** Suites that carry a newer Mesa than the release itself. Debian 12's own Mesa (22.3) is refused by Dawn. */
const suiteWithNewMesa: Record<string, string> = { bookworm: 'bookworm-backports' };

/** Never taken from the private copy: they must be the ones the running process was started with. */
const leaveToSystem = /^(libc6|libc-bin|libgcc-s1|libstdc\+\+6|gcc-\d+-base|libx11-data|libdrm-common)_/;

/**
 * A Mesa lavapipe (Vulkan on the CPU) of the machine's own distribution, unpacked into `folder` unless it is there already.
 * Needs apt-get and dpkg-deb but no root, and changes nothing on the system: apt works with lists, cache and status of its own.
 * The status is empty, so apt resolves every library the driver needs and the result does not depend on what is installed.
 * Rejects with the reason when that is not possible here.
 */
export async function privateLavapipe(folder: string, progress: (line: string) => void): Promise<PrivateDriver> {
  await installOnce(folder, async (unfinished) => {
    const codename = await distributionCodename();
    const extra = suiteWithNewMesa[codename];
    const sources = distributionSources(await machineSources(), codename, extra);
    if (sources.length === 0) throw new Error(`apt has no source for "${codename}" on this machine`);
    progress('Fetching a software graphics driver (60 MB, once) …');
    const packages = await downloadPackages(join(unfinished, 'apt'), sources, extra);
    const root = join(unfinished, 'root');
    for (const file of packages) await run('dpkg-deb', ['--extract', file, root]);
    await rm(join(unfinished, 'apt'), { recursive: true });
    const driver = await describeDriver(folder, unfinished);
    await writeFile(join(unfinished, 'driver.json'), JSON.stringify(driver));
    progress('The software graphics driver is ready.');
  });
  return JSON.parse(await readFile(join(folder, 'driver.json'), 'utf8')) as PrivateDriver;
}

async function distributionCodename(): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const codename = /^VERSION_CODENAME="?([\w.-]+)"?/m.exec(release)?.[1];
  if (!codename) throw new Error('this is not a Debian-like system');
  return codename;
}

async function machineSources(): Promise<AptSource[]> {
  const parts = '/etc/apt/sources.list.d';
  const files = ['/etc/apt/sources.list', ...(await readdir(parts).catch(() => [])).sort().map((name) => join(parts, name))];
  const sources: AptSource[] = [];
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (file.endsWith('.list')) sources.push(...parseOneLineSources(text));
    else if (file.endsWith('.sources')) sources.push(...parseDeb822Sources(text));
  }
  return sources;
}

async function downloadPackages(folder: string, sources: readonly AptSource[], suite: string | undefined): Promise<string[]> {
  for (const part of ['sources', 'empty', 'state/lists/partial', 'cache/archives/partial']) {
    await mkdir(join(folder, part), { recursive: true });
  }
  await writeFile(join(folder, 'status'), '');
  await writeFile(join(folder, 'sources/machine.sources'), formatDeb822Sources(sources));
  await writeFile(join(folder, 'apt.conf'), aptConfiguration(folder));
  const env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...parameters: string[]) => run('apt-get', ['-c', join(folder, 'apt.conf'), ...parameters], { env });
  await apt('update');
  const fromSuite = suite ? ['--target-release', suite] : [];
  await apt('install', '--download-only', '--no-install-recommends', '--yes', ...fromSuite, 'mesa-vulkan-drivers', 'libvulkan1');
  const archives = join(folder, 'cache/archives');
  return (await readdir(archives))
    .filter((name) => name.endsWith('.deb') && !leaveToSystem.test(name))
    .map((name) => join(archives, name));
}

/** `-c` is read last, so the machine's proxies stay in force while its folders, hooks and pins do not. */
function aptConfiguration(folder: string): string {
  const settings: Record<string, string> = {
    'Dir::State': `${folder}/state/`,
    'Dir::State::lists': `${folder}/state/lists/`,
    'Dir::State::status': `${folder}/status`,
    'Dir::Cache': `${folder}/cache/`,
    'Dir::Cache::archives': `${folder}/cache/archives/`,
    'Dir::Etc::sourcelist': '/dev/null',
    'Dir::Etc::sourceparts': `${folder}/sources/`,
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': `${folder}/empty/`,
    'Debug::NoLocking': 'true',
    'APT::Sandbox::User': '', // as root, apt would read and write as a user who may not see the cache
    'APT::Keep-Downloaded-Packages': 'true',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '2',
    'Acquire::http::Timeout': '30',
    'Acquire::https::Timeout': '30',
  };
  const hooks = [
    'APT::Update::Pre-Invoke',
    'APT::Update::Post-Invoke',
    'APT::Update::Post-Invoke-Success',
    'DPkg::Pre-Invoke',
    'DPkg::Post-Invoke',
    'DPkg::Pre-Install-Pkgs',
  ];
  return [
    ...Object.entries(settings).map(([key, value]) => `${key} "${value}";`),
    ...hooks.map((hook) => `#clear ${hook};`),
    '',
  ].join('\n');
}

/** Writes the manifest, removes the drivers of real cards (most of the volume), and makes sure that nothing is missing. */
async function describeDriver(folder: string, unfinished: string): Promise<PrivateDriver> {
  const libraryFolders: string[] = [];
  let library: string | undefined;
  for (const base of ['root/usr/lib', 'root/lib']) {
    const inside = await readdir(join(unfinished, base), { withFileTypes: true }).catch(() => []);
    for (const entry of inside.filter((each) => each.isDirectory() && each.name.includes('-linux-'))) {
      const path = join(base, entry.name);
      libraryFolders.push(path);
      for (const name of await readdir(join(unfinished, path))) {
        if (name === 'libvulkan_lvp.so') library = join(path, name);
        else if (/^libvulkan_|^libVkLayer_/.test(name)) await rm(join(unfinished, path, name));
      }
    }
  }
  if (!library) throw new Error('the package mesa-vulkan-drivers holds no lavapipe');
  const libraryPath = libraryFolders.map((path) => join(unfinished, path)).join(':');
  const linked = await run('ldd', [join(unfinished, library)], { env: { ...process.env, LD_LIBRARY_PATH: libraryPath } });
  const missing = [...linked.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1]);
  if (missing.length > 0) throw new Error(`the software driver lacks ${missing.join(', ')}`);
  if (!libraryFolders.some((path) => existsSync(join(unfinished, path, 'libvulkan.so.1')))) {
    throw new Error('the package libvulkan1 holds no loader');
  }
  const packaged = join(unfinished, 'root/usr/share/vulkan/icd.d');
  const original = (await readdir(packaged)).find((name) => name.startsWith('lvp_icd'));
  const text = await readFile(join(packaged, original ?? 'lvp_icd.json'), 'utf8');
  const manifest = JSON.parse(text) as { ICD: { library_path: string } };
  manifest.ICD.library_path = join(folder, library);
  await writeFile(join(unfinished, 'icd.json'), JSON.stringify(manifest, null, 2));
  return { manifest: 'icd.json', libraryFolders };
}
