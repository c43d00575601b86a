#!/usr/bin/env node
/** `ibot …` from a checkout: sets up what is missing, then runs the engine's command line with the chosen graphics driver. */
import { join } from 'node:path';
import { root, runNode, runScript, setUp } from './set-up.mjs';

await runScript(async () => {
  const environment = await setUp();
  return runNode(['--enable-source-maps', join(root, 'out', 'engine', 'main.js'), ...process.argv.slice(2)], environment);
});
