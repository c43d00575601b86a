/** One workbench at a time has a library open. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { holdLibrary, openLibrary } from '../../../src/engine/jobs';
import { openServedWorkbench } from '../../../src/engine/serve';
import { Supervisor, type EngineProgram, type SupervisionLog } from '../../../src/engine/supervise';
import { builtEngine } from '../../support/built-engine';
import { temporaryFolder } from '../../support/temporary-folder';
import { rendererFolder } from '../serve/served';
import { withCache } from './child-engine';
import { until } from './tiny-host';

/** Starting an engine is slow where others compute, too. */
const LONG = 400_000;

test('a library that is held is refused with who holds it and what to do, until it is let go or its holder is gone', async () => {
  const library = await openLibrary(join(temporaryFolder(), 'library'));
  const first = await holdLibrary(library);
  const sentence = `The library ${library.folder} is open in another workbench, process ${process.pid}: close that one first, or choose`;
  await expect(holdLibrary(library, 0)).rejects.toThrow(sentence);
  await expect(holdLibrary(library, 0)).rejects.not.toThrow('remove');
  const waits = holdLibrary(library);
  const holder = JSON.parse(await readFile(library.lock, 'utf8')) as object;
  await first.release();
  await (await waits).release();
  await writeFile(library.lock, JSON.stringify({ ...holder, host: 'elsewhere' }));
  await expect(holdLibrary(library, 0)).rejects.toThrow(/process \d+ on elsewhere: .*; if it is gone, remove .*library\.lock\.$/);
  await writeFile(library.lock, JSON.stringify({ ...holder, processStart: 'an earlier one of this number' }));
  await (await holdLibrary(library, 0)).release();
  await expect(stat(library.lock)).rejects.toThrow();
});

test('a second program ends with the sentence; an engine that is killed is followed by one that has the library', async () => {
  const engine = await builtEngine({ host: 'src/engine/host/main.ts', 'decode-worker': 'src/engine/data/decode-worker.ts' });
  const library = await openLibrary(join(temporaryFolder(), 'library'));
  const lines: string[] = [];
  const log: SupervisionLog = { write: (_where, text) => lines.push(text) };
  const program: EngineProgram = {
    node: process.execPath,
    entry: join(engine, 'host.js'),
    parameters: ['--library', library.folder],
    environment: withCache(temporaryFolder()),
  };
  const supervisor = new Supervisor(() => program, { write: () => undefined });
  try {
    supervisor.start();
    await until(() => supervisor.state.state === 'ready');
    const { pid } = supervisor;
    const second = openServedWorkbench({
      ...{ library: library.folder, address: '127.0.0.1', port: 0, renderer: rendererFolder(), engine: program, log },
    });
    await expect(second).rejects.toThrow(`${library.folder} is open in another workbench, process ${pid}: close that one first`);
    expect(lines.filter((text) => text.startsWith('started as process'))).toHaveLength(1);
    process.kill(pid!, 'SIGKILL');
    await until(() => supervisor.state.state === 'ready' && supervisor.pid !== pid);
    expect(supervisor.state).toMatchObject({ restarts: 1, refusal: null });
    expect(JSON.parse(await readFile(library.lock, 'utf8'))).toMatchObject({ pid: supervisor.pid });
  } finally {
    await supervisor.close(60_000);
  }
  await expect(stat(library.lock)).rejects.toThrow();
}, LONG);
