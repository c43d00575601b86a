import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Warning } from '../../../src/engine/protocol';
import { openLibrary } from '../../../src/engine/jobs';
import { RunFolder } from '../../../src/engine/runs';
import { recordWarning } from '../../../src/engine/runs/warnings-file';
import { temporaryFolder } from '../../support/temporary-folder';
import { start, tinyManifest, tinyRecipe } from '../runs/tiny-run';
import { openTinyHost, until } from './tiny-host';

const few = 'There are few steps.';

test('warnings of a run of the command line are told, also by the next engine, until somebody has seen them', async () => {
  const library = await openLibrary(join(temporaryFolder(), 'library'));
  const recipe = tinyRecipe({ epochs: 1, knn_every: 0 });
  const folder = join(library.runs, 'apart');
  await start({ folder, manifest: await tinyManifest(), recipe, warnings: [{ code: 'few-steps', message: few }] });

  const open = () => openTinyHost(undefined, undefined, { library: library.folder });
  const listed = async ({ window }: Awaited<ReturnType<typeof open>>): Promise<Warning[]> =>
    (await window.present('warnings')).warnings.filter(({ run }) => run === 'apart');
  const first = await open();
  const told = await until(async () => (await listed(first)).length === 1 && (await listed(first)));
  expect(told[0]).toMatchObject({ code: 'few-steps', message: few, title: 'This is little time to learn.', seen: false });
  expect(Date.now() - told[0]!.at).toBeGreaterThan(0);
  await first.window.call('warnings.see', {});
  // As the process that trains it writes it.
  const run = await RunFolder.open(folder);
  recordWarning(run.warningsFile, { code: 'one-output', message: 'It collapses.', step: 7 });
  await until(async () => (await listed(first)).some(({ code }) => code === 'one-output'));
  await run.release();
  await first.host.close('discard');

  const second = await open();
  await until(async () => (await listed(second)).length > 0);
  expect((await listed(second)).map(({ code, seen }) => [code, seen])).toEqual([['one-output', false]]);
  await second.host.close('discard');
});
