/** One engine after another: processes that only say that they are ready. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Supervisor } from '../../../src/engine/supervise';
import { temporaryFolder } from '../../support/temporary-folder';

const entry = join(temporaryFolder(), 'engine.mjs');
writeFileSync(entry, `process.on('message', () => {});\nprocess.on('disconnect', () => process.exit(0));\nprocess.send({ kind: 'ready' });\n`);
const program = { node: process.execPath, entry, parameters: [], environment: process.env };
const supervisor = new Supervisor(() => program, { write: () => undefined });
afterAll(() => supervisor.close(5000));

/** The process of the engine that is ready next, after something was done. */
const nextAfter = (what: () => void): Promise<number> =>
  new Promise((resolve) => {
    supervisor.onReady(() => resolve(supervisor.pid!));
    what();
  });

test('an engine that takes the place of another one is none that was started again after a failure', async () => {
  const first = await nextAfter(() => supervisor.start());
  const second = await nextAfter(() => process.kill(first, 'SIGKILL'));
  expect(second).not.toBe(first);
  expect(supervisor.state).toMatchObject({ restarts: 1, reason: expect.stringContaining('signal 9') as string });
  const third = await nextAfter(() => supervisor.replace('Another library was opened.'));
  expect(third).not.toBe(second);
  expect(supervisor.state).toEqual({ state: 'ready', restarts: 0, reason: null, detail: null, at: null, refusal: null, recovered: null });
  await nextAfter(() => process.kill(third, 'SIGKILL'));
  expect(supervisor.state).toMatchObject({ restarts: 1 });
});
