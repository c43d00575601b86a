import { join } from 'node:path';
import { Command } from 'commander';
import { expect, test, vi } from 'vitest';
import { registerQueue } from '../../../src/engine/cli/queue';
import { openLibrary, QueueFile } from '../../../src/engine/jobs';
import { temporaryFolder } from '../../support/temporary-folder';

test('without a library it lists and holds the queue of the usual one, as serve opens it', async () => {
  const folders = await openLibrary(join(temporaryFolder(), 'library'));
  vi.stubEnv('IBOT_LIBRARY', folders.folder);
  const said = vi.spyOn(console, 'log').mockReturnValue(undefined);
  const program = new Command();
  registerQueue(program);
  await program.parseAsync(['queue', '--hold'], { from: 'user' });
  expect(said.mock.calls).toEqual([['The queue is empty, and held.']]);
  expect((await new QueueFile(folders.queue).read()).held).toBe(true);
});
