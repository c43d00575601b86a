import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Supervisor } from '../../../src/engine/supervise';
import { temporaryFolder } from '../../support/temporary-folder';

/** What every engine does: says that it is ready, answers pings, and saves before it ends when its channel closes. */
const engine = `
  import { appendFileSync } from 'node:fs';
  process.on('message', ({ kind, at }) => kind === 'ping' && process.send({ kind: 'pong', at }));
  process.on('disconnect', () => setTimeout(() => (appendFileSync(process.argv[2], 'saved '), process.exit(0)), 300));
  process.send({ kind: 'ready' });
`;

const folder = temporaryFolder();
const saved = join(folder, 'saved');
const entry = join(folder, 'engine.mjs');
writeFileSync(entry, engine);
let supervisor: Supervisor;
afterEach(() => supervisor.close(5000));

test('an engine that is started anew by hand may save before another one takes its place', async () => {
  const lines: string[] = [];
  supervisor = new Supervisor(
    () => ({ node: process.execPath, entry, parameters: [saved], environment: process.env }),
    { write: (_where, text) => lines.push(text) },
  );
  supervisor.start();
  await expect.poll(() => supervisor.state.state, { timeout: 60_000 }).toBe('ready');
  const first = supervisor.pid;
  supervisor.restart('By hand.');
  // Once more changes nothing.
  supervisor.restart('Impatiently.');
  expect(supervisor.state.state).toBe('restarting');
  expect([supervisor.pid, existsSync(saved)]).toEqual([first, false]);
  await expect.poll(() => supervisor.state.state, { timeout: 60_000 }).toBe('ready');
  expect(supervisor.pid).not.toBe(first);
  expect(readFileSync(saved, 'utf8')).toBe('saved ');
  expect(supervisor.state).toMatchObject({ restarts: 1, reason: 'By hand.', recovered: null });
  expect(lines).toContain('is asked to end: By hand.');
});
