/** Every case carried here, on this device, within its tolerances. The same code is `ibot doctor --reference`. */
import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { findCases, runCase } from '../../src/engine/reference';
import { testGpu } from '../support/gpu';

const LONG = 600_000;
/** What the engine has no part for; everything else has to pass. */
const NOT_BUILT: Record<string, string[]> = { optimizers: ['sgd: not built yet', 'lars: not built yet'] };
const folders = await findCases(import.meta.dirname);

test.each(folders.map((folder) => [basename(folder), folder] as const))(
  '%s',
  async (name, folder) => {
    const checks = await runCase(await testGpu(), folder);
    const failed = checks.filter((check) => !check.passed && !check.unsupported);
    expect(failed).toEqual([]);
    expect(checks.some((check) => check.passed)).toBe(true);
    const notBuilt = checks.filter((check) => check.unsupported).map(({ check }) => check);
    expect(notBuilt).toEqual(NOT_BUILT[name] ?? []);
  },
  LONG,
);
