/** Builds the decoding worker from its source, so that tests never run an older build. */
import { build } from 'esbuild';
import { mkdir, rename } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

let built: Promise<URL> | undefined;

export function decodeWorkerEntry(): Promise<URL> {
  built ??= buildEntry();
  return built;
}

async function buildEntry(): Promise<URL> {
  // Inside node_modules, so that the worker finds sharp there.
  const folder = new URL('../../node_modules/.cache/ibot-workbench/', import.meta.url);
  const entry = new URL(`decode-worker-${process.pid}.mjs`, folder);
  const temporary = fileURLToPath(new URL(`decode-worker-${process.pid}.tmp.mjs`, folder));
  await mkdir(folder, { recursive: true });
  await build({
    entryPoints: [fileURLToPath(new URL('../../src/engine/data/decode-worker.ts', import.meta.url))],
    outfile: temporary,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  });
  await rename(temporary, entry);
  return entry;
}
