import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder';
import { ask } from './support/engine-port';
import { endDisplay, launch, prepare, type LaunchedApp } from './support/launch';
import { addDataset, drawPictures, reach, runOf, startRun } from './support/small-run';
import { slowMs } from './support/until';

/** So long may the engine stay silent here; usually it is half a minute. */
const hangSeconds = 15;

describe('a run whose engine', { timeout: 4 * slowMs }, () => {
  let shell: LaunchedApp;

  beforeAll(async () => {
    await prepare();
    const pictures = join(temporaryFolder(), 'pictures');
    await drawPictures(pictures);
    shell = await launch({ environment: { IBOT_HANG_SECONDS: String(hangSeconds) } });
    await startRun(shell.page, 'steady', await addDataset(shell.page, pictures));
  }, 600_000);
  afterAll(async () => {
    await shell?.close();
    endDisplay();
  });

  const number = (value: number) => value.toLocaleString('en');

  /** Ends the engine's work in the middle, after a checkpoint; resolves once the run is further than it was then. */
  async function interrupt(signal: 'SIGKILL' | 'SIGSTOP'): Promise<void> {
    await reach(shell.page, 'steady', (await runOf(shell.page, 'steady')).step + 5);
    const saved = await ask(shell.page, 'runs.save', { run: 'steady' });
    const before = await reach(shell.page, 'steady', saved.step + 5);
    const engine = shell.enginePid();
    process.kill(engine, signal);
    await shell.page.getByTestId('engine-state').filter({ hasText: signal === 'SIGKILL' ? /restarted once/ : /restarted twice/ }).waitFor({ timeout: slowMs });
    expect(shell.enginePid()).not.toBe(engine);
    const log = readFileSync(join(shell.userData, 'logs', 'workbench.log'), 'utf8');
    expect(log).toContain(signal === 'SIGKILL' ? 'process ended by signal 9' : `did not answer for ${hangSeconds} s and was ended`);
    await shell.page.getByTestId('engine-state').click();
    await shell.page.getByText(`steady went on from the checkpoint at step ${number(saved.step)};`).waitFor({ timeout: slowMs });
    await shell.screenshot(signal === 'SIGKILL' ? 'hard-engine-killed' : 'hard-engine-hung');
    await shell.page.keyboard.press('Escape');
    await reach(shell.page, 'steady', before + 5);
    const { state, saved: checkpoints } = await ask(shell.page, 'runs.get', { run: 'steady' });
    expect(state).toBe('running');
    expect(checkpoints.map(({ step }) => step)).toContain(saved.step);
  }

  test('is killed in the middle goes on from its last checkpoint, and a note says so', async () => {
    await interrupt('SIGKILL');
    await shell.page.locator('.statusbar').getByRole('button', { name: /^1 warning$/ }).click();
    await shell.page.getByRole('status').filter({ hasText: 'The engine ended and was started anew.' }).waitFor();
    expect(await shell.barriers()).toEqual([]);
    await shell.screenshot('hard-engine-killed-warning');
    await shell.page.getByRole('button', { name: 'All seen' }).click();
    await shell.page.keyboard.press('Escape');
  });

  test('hangs goes on with another one', () => interrupt('SIGSTOP'));

  test('ended left nothing wrong in the console', () => {
    expect(shell.problems).toEqual([]);
  });
});
