import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder';
import { ibot, parsedLines, start, writeRecipe, type Started } from './ibot';

const folder = temporaryFolder();
const at = (...names: string[]): string => join(folder, ...names);

const STEPS = 24;
let train: (run: string) => string[];

beforeAll(async () => {
  const pictures = at('pictures');
  expect(await ibot('sample', pictures, '--count', '40', '--size', '48')).toMatchObject({ status: 0 });
  // A checkpoint before every step: a kill may come anywhere, also while one is being written.
  const config = writeRecipe(folder, { epochs: 6, checkpoint_minutes: 1e-6, knn_every: 2 });
  train = (run) => ['train', pictures, '--out', run, '--preset', 'none', '--config', config, '--json'];
  expect(await ibot(...train(at('whole')))).toMatchObject({ status: 0 });
});

/** Names of a run's checkpoints, and the bytes of the last. */
function lastCheckpoint(run: string): { name: string; bytes: Buffer } {
  const name = readdirSync(join(run, 'checkpoints')).sort().at(-1)!;
  return { name, bytes: readFileSync(join(run, 'checkpoints', name)) };
}

function expectSameEnd(run: string): void {
  const [ended, whole] = [lastCheckpoint(run), lastCheckpoint(at('whole'))];
  expect(ended.name).toBe(`step-${String(STEPS).padStart(8, '0')}.safetensors`);
  expect(ended.name).toBe(whole.name);
  expect(ended.bytes.equals(whole.bytes)).toBe(true);
  const steps = (path: string) =>
    parsedLines(readFileSync(join(path, 'metrics.jsonl'), 'utf8'))
      .filter(({ event }) => event === 'step')
      .map(({ step, loss }) => [step, loss]);
  expect(steps(run)).toEqual(steps(at('whole')));
  expect(steps(run)).toHaveLength(STEPS);
}

const atStep = (running: Started, step: number): Promise<string | undefined> =>
  running.line((line) => {
    const event = JSON.parse(line) as { event: string; step: number };
    return event.event === 'step' && event.step >= step;
  });

describe('Ctrl-C', () => {
  it('finishes the step, saves, says how to go on; resume ends with the same bits', async () => {
    const run = at('interrupted');
    const running = await start(...train(run));
    expect(await atStep(running, 6)).toBeDefined();
    running.child.kill('SIGINT');
    // A launcher and a terminal may both hand on one key press.
    setTimeout(() => running.child.kill('SIGINT'), 20);
    const { status, stdout, stderr } = await running.ended;
    expect(status).toBe(130);
    expect(stderr).toMatch(/Finishing the step and saving/);
    const done = parsedLines(stdout).at(-1)!;
    expect(done).toMatchObject({ event: 'done', state: 'stopped' });
    expect(done.step).toBeLessThan(STEPS);
    expect(lastCheckpoint(run).name).toContain(String(done.step as number).padStart(8, '0'));

    const resumed = await ibot('resume', run);
    expect(resumed.status).toBe(0);
    expect(resumed.stdout).toMatch(/going on from step \d+/);
    expect(resumed.stdout).toMatch(/Done after 24 steps/);
    expectSameEnd(run);
  });

  it('is asked for by a reader that goes away, too, as tee does when Ctrl-C reaches it', async () => {
    const run = at('unread');
    const running = await start(...train(run));
    expect(await atStep(running, 6)).toBeDefined();
    running.child.stdout!.destroy();
    const { status, stderr } = await running.ended;
    expect(status).toBe(130);
    expect(stderr).toMatch(/Finishing the step and saving/);
    const { state, step } = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')) as { state: string; step: number };
    expect(state).toBe('stopped');
    expect(step).toBeLessThan(STEPS);
    expect(await ibot('resume', run)).toMatchObject({ status: 0 });
    expectSameEnd(run);
  });

  it('says at a screen how to go on', async () => {
    const run = at('on screen');
    const running = await start(...train(run).filter((word) => word !== '--json'));
    expect(await running.line((line) => line.startsWith('Epoch 1 of 6'))).toBeDefined();
    running.child.kill('SIGTERM');
    const { status, stdout } = await running.ended;
    expect(status).toBe(130);
    expect(stdout).toMatch(/Stopped and saved after step \d+ of 24/);
    expect(stdout).toContain(`npm run ibot -- resume '${run}'`);
  });
});

describe('kill -9', () => {
  it('three times, and the end has the same bits as without', async () => {
    const run = at('killed');
    const moments = [
      { step: 3, wait: 0 },
      { step: 10, wait: 13 },
      { step: 17, wait: 31 },
    ];
    for (const [i, { step, wait }] of moments.entries()) {
      const running = await start(...(i === 0 ? train(run) : ['resume', run, '--json']));
      expect(await atStep(running, step)).toBeDefined();
      await new Promise((resolve) => setTimeout(resolve, wait));
      running.child.kill('SIGKILL');
      expect((await running.ended).status).toBe(137);
    }
    const { status, stdout } = await ibot('resume', run, '--json');
    expect(status).toBe(0);
    expect(parsedLines(stdout).find(({ event }) => event === 'start')?.fromStep).toBeGreaterThanOrEqual(10);
    expectSameEnd(run);
  });
});
