import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/engine/errors';
import {
  distributionSources,
  formatDeb822Sources,
  parseDeb822Sources,
  parseOneLineSources,
} from '../../../src/engine/gpu/apt-sources';
import { driverEnvironment, type DriverOptions, type GraphicsMachine } from '../../../src/engine/gpu/driver';
import { installOnce } from '../../../src/engine/gpu/driver-files';
import { temporaryFolder } from '../../support/temporary-folder';

type Variables = Record<string, string>;

const bare: GraphicsMachine = { platform: 'linux', cards: [], manifests: [], extraManifests: [] };
const softwareName = 'llvmpipe (LLVM 15.0.6, 256 bits)';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

/** A driver as it lies in the cache once it has been fetched. */
async function cached(name: 'lavapipe' | 'swiftshader', manifest: string): Promise<string> {
  const place = join(folder, `${name}-1-${process.arch}`);
  await mkdir(join(place, 'lib'), { recursive: true });
  await writeFile(join(place, manifest), '{}');
  await writeFile(join(place, 'driver.json'), JSON.stringify({ manifest, libraryFolders: ['lib'] }));
  return place;
}

function options(more: DriverOptions): DriverOptions & { lines: string[] } {
  const lines: string[] = [];
  return { env: {}, cacheFolder: folder, machine: bare, progress: (line) => lines.push(line), lines, ...more };
}

describe('the choice of a driver', () => {
  it('is the system on macOS and Windows', async () => {
    const choice = await driverEnvironment(options({ machine: { ...bare, platform: 'darwin' } }));
    expect(choice).toEqual({ source: 'system', env: {} });
  });

  it('respects the driver the user set', async () => {
    const choice = await driverEnvironment(options({ env: { VK_DRIVER_FILES: '/x.json', XDG_RUNTIME_DIR: '/run/me' } }));
    expect(choice).toEqual({ source: 'environment', env: { XDG_RUNTIME_DIR: '/run/me' } });
  });

  it('takes a card whose driver Dawn accepts before any software', async () => {
    await cached('lavapipe', 'icd.json');
    const machine = { ...bare, cards: ['/dev/dri/renderD128'], manifests: ['/m/radeon_icd.json', '/m/lvp_icd.x86_64.json'] };
    const probe = async () => [softwareName, 'AMD Radeon RX 7900 XTX (RADV NAVI31)'];
    expect(await driverEnvironment(options({ machine, probe }))).toMatchObject({ source: 'system' });
    expect((await driverEnvironment(options({ machine, probe }))).env.VK_DRIVER_FILES).toBeUndefined();
  });

  it('adds manifests from where the loader does not look', async () => {
    const machine = { ...bare, cards: ['/dev/nvidia0'], extraManifests: ['/opt/nvidia_icd.json'] };
    const probe = async (env: Variables) => (env.VK_ADD_DRIVER_FILES === '/opt/nvidia_icd.json' ? ['NVIDIA A100'] : []);
    const choice = await driverEnvironment(options({ machine, probe }));
    expect(choice).toMatchObject({ source: 'system', env: { VK_ADD_DRIVER_FILES: '/opt/nvidia_icd.json' } });
  });

  it('lends a loader to a card that has a driver and no loader', async () => {
    const place = await cached('lavapipe', 'icd.json');
    const machine = { ...bare, cards: ['/dev/nvidia0'], manifests: ['/m/nvidia_icd.json'] };
    const probe = async (env: Variables) => (env.LD_LIBRARY_PATH && !env.VK_DRIVER_FILES ? ['NVIDIA A100'] : []);
    const choice = await driverEnvironment(options({ machine, probe }));
    expect(choice).toMatchObject({ source: 'system', env: { LD_LIBRARY_PATH: join(place, 'lib') } });
  });

  it('takes an installed lavapipe that Dawn accepts, and selects it alone', async () => {
    const machine = { ...bare, manifests: ['/m/intel_icd.json', '/m/lvp_icd.json'] };
    const choice = await driverEnvironment(options({ machine, probe: async () => [softwareName] }));
    expect(choice).toMatchObject({
      source: 'installed-lavapipe',
      env: { VK_DRIVER_FILES: '/m/lvp_icd.json', VK_ICD_FILENAMES: '/m/lvp_icd.json' },
    });
  });

  it('takes the lavapipe in the cache when the installed one is too old, and says when a card lies idle', async () => {
    const place = await cached('lavapipe', 'icd.json');
    const machine = { ...bare, cards: ['/dev/dri/renderD128'], manifests: ['/m/lvp_icd.json'] };
    const probe = async (env: Variables) => (env.VK_DRIVER_FILES?.startsWith(place) ? [softwareName] : []);
    const choice = await driverEnvironment(options({ env: { LD_LIBRARY_PATH: '/mine' }, machine, probe }));
    expect(choice).toMatchObject({
      source: 'private-lavapipe',
      env: {
        VK_DRIVER_FILES: join(place, 'icd.json'),
        VK_ICD_FILENAMES: join(place, 'icd.json'),
        LD_LIBRARY_PATH: `${join(place, 'lib')}:/mine`,
      },
      note: expect.stringContaining('/dev/dri/renderD128'),
    });
    expect(choice.env.XDG_RUNTIME_DIR).toBeTruthy();
  });

  it.each(['option', 'IBOT_DRIVER'])('takes SwiftShader where the %s asks for it', async (how) => {
    await cached('lavapipe', 'icd.json');
    const place = await cached('swiftshader', 'vk_swiftshader_icd.json');
    const wish: DriverOptions = how === 'option' ? { prefer: 'swiftshader' } : { env: { IBOT_DRIVER: 'swiftshader' } };
    const choice = await driverEnvironment(options({ ...wish, probe: async () => ['SwiftShader Device (Subzero)'] }));
    expect(choice).toMatchObject({ source: 'swiftshader', env: { VK_DRIVER_FILES: join(place, 'vk_swiftshader_icd.json') } });
  });

  it('falls back to SwiftShader when lavapipe does not start, with the reason', async () => {
    await cached('lavapipe', 'icd.json');
    await cached('swiftshader', 'vk_swiftshader_icd.json');
    const probe = async (env: Variables) => (env.VK_DRIVER_FILES?.includes('swiftshader') ? ['SwiftShader Device'] : []);
    const choice = await driverEnvironment(options({ probe }));
    expect(choice).toMatchObject({ source: 'swiftshader', note: expect.stringContaining('lavapipe from the cache') });
  });

  it('ends in one sentence with the reasons when nothing works, or the wish is unknown', async () => {
    await cached('lavapipe', 'icd.json');
    await cached('swiftshader', 'vk_swiftshader_icd.json');
    const probe = async () => {
      throw new Error('the driver crashed');
    };
    await expect(driverEnvironment(options({ probe }))).rejects.toThrow(UserError);
    await expect(driverEnvironment(options({ probe }))).rejects.toThrow(/^No graphics driver works here; .*the driver crashed/);
    await expect(driverEnvironment(options({ env: { IBOT_DRIVER: 'mesa' } }))).rejects.toThrow('IBOT_DRIVER is "mesa"');
  });

  it('is remembered: the second time nothing is asked and it takes less than 50 ms', async () => {
    await cached('lavapipe', 'icd.json');
    let questions = 0;
    const probe = async () => {
      questions++;
      return [softwareName];
    };
    const first = await driverEnvironment(options({ probe }));
    let fastest = Infinity; // of several, since others may use the processor
    for (let time = 0; time < 5; time++) {
      const begin = performance.now();
      expect(await driverEnvironment(options({ probe }))).toEqual(first);
      fastest = Math.min(fastest, performance.now() - begin);
    }
    expect(fastest).toBeLessThan(50);
    expect(questions).toBe(1);
    await driverEnvironment(options({ probe, machine: { ...bare, cards: ['/dev/nvidia0'] } }));
    expect(questions).toBe(2);
  });

  it('does without a memory where the cache cannot be written', async () => {
    await writeFile(join(folder, 'file'), '');
    const machine = { ...bare, manifests: ['/m/lvp_icd.x86_64.json'] };
    const probe = async () => [softwareName];
    const cacheFolder = join(folder, 'file', 'cache');
    expect((await driverEnvironment(options({ machine, probe, cacheFolder }))).source).toBe('installed-lavapipe');
  });

  it('is taken again when the cache was emptied in part or is damaged', async () => {
    const place = await cached('lavapipe', 'icd.json');
    await cached('swiftshader', 'vk_swiftshader_icd.json');
    const probe = async (env: Variables) => (env.VK_DRIVER_FILES ? ['some software'] : []);
    expect((await driverEnvironment(options({ probe }))).source).toBe('private-lavapipe');
    await rm(join(place, 'icd.json'));
    await rm(join(place, 'driver.json'));
    expect((await driverEnvironment(options({ probe }))).source).toBe('swiftshader');
    await cached('lavapipe', 'icd.json');
    await writeFile(join(folder, 'driver-choices.json'), '{"half');
    expect((await driverEnvironment(options({ probe }))).source).toBe('private-lavapipe');
  });
});

describe('the cache', () => {
  it('holds one complete folder after many installed it at once', async () => {
    const target = join(folder, 'deep', 'thing');
    const install = (id: number) =>
      installOnce(target, async (unfinished) => {
        await writeFile(join(unfinished, 'first'), String(id));
        await new Promise((resolve) => setTimeout(resolve, 5 * (id % 3)));
        await writeFile(join(unfinished, 'second'), String(id));
      });
    await Promise.all(Array.from({ length: 8 }, (_, id) => install(id)));
    expect(await readFile(join(target, 'first'), 'utf8')).toBe(await readFile(join(target, 'second'), 'utf8'));
    expect(await readdir(join(folder, 'deep'))).toEqual(['thing']);
  });

  it('holds nothing after a failure', async () => {
    const failing = installOnce(join(folder, 'thing'), async (unfinished) => {
      await writeFile(join(unfinished, 'half'), '');
      throw new Error('no network');
    });
    await expect(failing).rejects.toThrow('no network');
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('the sources of apt', () => {
  const oneLine = `
# deb http://old.example/debian bookworm main
deb-src http://mirror.example/debian bookworm main
deb cdrom:[Debian 12]/ bookworm main
deb [arch=amd64,arm64 signed-by=/usr/share/keyrings/own.gpg] http://mirror.example/debian bookworm main contrib # ours
deb http://mirror.example/debian bookworm-updates main
deb https://elsewhere.example/tool stable main
`;
  const deb822 = `# a comment
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
# a comment inside
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/own.gpg

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
`;

  it('are read from one-line lists', () => {
    const sources = distributionSources(parseOneLineSources(oneLine), 'bookworm', 'bookworm-backports');
    expect(sources).toEqual([
      {
        uris: ['http://mirror.example/debian'],
        suites: ['bookworm', 'bookworm-backports'],
        components: ['main', 'contrib'],
        fields: { Architectures: 'amd64 arm64', 'Signed-By': '/usr/share/keyrings/own.gpg' },
      },
      { uris: ['http://mirror.example/debian'], suites: ['bookworm-updates'], components: ['main'], fields: {} },
    ]);
  });

  it('are read from deb822 files and written as such, keys included', () => {
    const sources = distributionSources(parseDeb822Sources(deb822), 'bookworm', 'bookworm-backports');
    expect(formatDeb822Sources(sources)).toBe(`Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main
Targets: Packages
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Targets: Packages
Signed-By: /usr/share/keyrings/own.gpg
`);
  });

  it('are none where the release is not among them', () => {
    expect(distributionSources(parseOneLineSources(oneLine), 'trixie')).toEqual([]);
  });
});
