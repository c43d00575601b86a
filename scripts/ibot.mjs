#!/usr/bin/env node
/** `ibot …` from a checkout: sets up what is missing, then runs the engine's command line with the chosen graphics driver. */
import { join } from 'node:path';
import { root, runNode, runScript, setUp } from './set-up.mjs';

await runScript(async () => {
  // The first word that is no option is the command.
  const command = process.argv.slice(2).find((word) => !word.startsWith('-'));
  const environment = await setUp(command === 'serve' ? ['driver', 'engine', 'desktop'] : undefined);
  return runNode(['--enable-source-maps', join(root, 'out', 'engine', 'main.js'), ...process.argv.slice(2)], environment);
});
