import { rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './set-up.mjs';

/** Modules of this folder know where they are, so they stay where they are. */
const scriptsStay = {
  name: 'scripts stay',
  setup(build) {
    build.onResolve({ filter: /\/scripts\/[\w-]+\.mjs$/ }, ({ path, resolveDir }) => ({
      path: pathToFileURL(resolve(resolveDir, path)).href,
      external: true,
    }));
  },
};

/** What a file in TypeScript exports (`path` is below the root), built for the moment. The packages must be installed. */
export async function importTypeScript(path) {
  const esbuild = await import('esbuild');
  const outfile = join(root, 'out', `${basename(path, '.ts')}-${process.pid}.mjs`);
  const form = { bundle: true, format: 'esm', platform: 'node', target: 'node20', packages: 'external', logLevel: 'error' };
  try {
    await esbuild.build({ entryPoints: [join(root, path)], outfile, plugins: [scriptsStay], ...form });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(outfile, { force: true });
  }
}
