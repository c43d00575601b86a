import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Log } from '../../../src/main/log';
import { temporaryFolder } from '../../support/temporary-folder';

test('the log has at most two files of some 4 MiB, however long the program runs', () => {
  const folder = join(temporaryFolder(), 'logs');
  const file = join(folder, 'workbench.log');
  const log = new Log(file);
  const text = 'x'.repeat(100_000);
  for (let i = 0; i < 100; i++) log.write('engine', `${i} ${text}`);
  const again = new Log(file);
  again.write('engine', 'last');
  expect(readdirSync(folder).sort()).toEqual(['workbench.log', 'workbench.log.1']);
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).size).toBeLessThan(4.4 * 2 ** 20);
  expect(readFileSync(file, 'utf8')).toMatch(/Z engine: last\n$/);
  expect(() => new Log(join(file, 'no folder', 'log')).write('main', 'nothing')).not.toThrow();
});
