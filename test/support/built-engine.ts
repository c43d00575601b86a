/** Builds parts of the engine from their sources into a folder of this process, so that tests never start an older build. */
import { build } from 'esbuild';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * @param entries name → source below the repository
 * @returns the folder with NAME.js each; inside node_modules, so that packages are found, and removed with the process
 */
export async function builtEngine(entries: Readonly<Record<string, string>>): Promise<string> {
  const outdir = join(root, 'node_modules', '.cache', 'ibot-workbench', `engine-${process.pid}-${Object.keys(entries).join('-')}`);
  await build({
    entryPoints: Object.fromEntries(Object.entries(entries).map(([name, path]) => [name, join(root, path)])),
    outdir,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  });
  process.once('exit', () => rmSync(outdir, { recursive: true, force: true }));
  return outdir;
}
