import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { builtEngine } from '../../support/built-engine';

/** Starts a process that starts one that never comes back to its event loop; says that one's number. */
const parent = (watch: string): string => `
  const child = require('node:child_process').spawn(process.execPath, ['--input-type=module', '-e', ${JSON.stringify(`
    import { endAfterParent } from ${JSON.stringify(watch)};
    endAfterParent(100, 50);
    setTimeout(() => { process.stdout.write('held '); for (;;); }, 100);
  `)}], { stdio: ['ignore', 'inherit', 'inherit'] });
  process.stdout.write(child.pid + ' ');
  setInterval(() => {}, 1000);
`;

test('a process whose main thread is held ends with the one that started it', async () => {
  const built = await builtEngine({ 'parent-watch': 'src/engine/host/parent-watch.ts' });
  const started = spawn(process.execPath, ['-e', parent(join(built, 'parent-watch.js'))], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  for await (const chunk of started.stdout) {
    said += String(chunk);
    if (said.includes('held')) break;
  }
  const pid = /\d+/.exec(said)![0];
  expect(existsSync(`/proc/${pid}`)).toBe(true);
  started.kill('SIGKILL');
  await once(started, 'exit');
  await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 20_000 }).toBe(false);
});
