import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Manifest } from '../../../src/engine/data';
import { panelSteps, prepareRun, readBasis, readPanel, readPictures, RunControl, type RunEvent } from '../../../src/engine/runs';
import { testGpu } from '../../support/gpu';
import { temporaryFolder } from '../../support/temporary-folder';
import { newestCheckpoint, resume, start, tinyManifest, tinyRecipe, type Ran } from './tiny-run';

const recipe = tinyRecipe({ knn_every: 2 });
let manifest: Manifest;
let whole: Ran;

beforeAll(async () => {
  manifest = await tinyManifest();
  whole = await start({ manifest, recipe });
});

/** Runs it with a control, which `act` uses once this was told. */
async function controlledAt(
  moment: (event: RunEvent) => boolean,
  act: (control: RunControl, events: RunEvent[]) => Promise<void>,
): Promise<Ran> {
  const control = new RunControl();
  let acted: Promise<void> | undefined;
  const events: RunEvent[] = [];
  const ran = await start({
    manifest,
    recipe,
    control,
    panels: true,
    onEvent: (event) => {
      events.push(event);
      if (moment(event)) acted ??= act(control, events);
    },
  });
  await acted;
  return ran;
}

/** Once so many steps were reported. */
const controlled = (atStep: number, act: Parameters<typeof controlledAt>[1]): Promise<Ran> =>
  controlledAt((event) => event.event === 'step' && event.step === atStep, act);

const isPreparing = (event: RunEvent): boolean => event.event === 'preparing' && event.stage !== 'evaluation';
const isMeasuring = (event: RunEvent): boolean => event.event === 'preparing' && event.stage === 'evaluation';

describe('between its steps a run', () => {
  test('waits when asked, saved, and goes on with the same bits', async () => {
    let pausedAt = 0;
    const { folder, done } = await controlled(2, async (control, events) => {
      const saved = await control.pause();
      pausedAt = saved.step;
      expect(control.isPaused).toBe(true);
      const before = events.length;
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(events.length).toBe(before);
      control.resume();
    });
    expect(pausedAt).toBeGreaterThanOrEqual(2);
    expect(done.state).toBe('finished');
    expect(await newestCheckpoint(folder)).toEqual(await newestCheckpoint(whole.folder));
  });

  test('saves when asked, lets short work in, and has the same bits', async () => {
    const seen: string[] = [];
    const { folder } = await controlled(1, async (control, events) => {
      const [saved] = await Promise.all([control.save(), control.between(async () => void seen.push('work'))]);
      expect(saved.bytes).toBeGreaterThan(1000);
      const told = events.filter(({ event }) => event === 'saving' || event === 'checkpoint');
      expect(told.slice(0, 2)).toMatchObject([
        { event: 'saving', step: saved.step },
        { event: 'checkpoint', step: saved.step },
      ]);
    });
    expect(seen).toEqual(['work']);
    expect(await newestCheckpoint(folder)).toEqual(await newestCheckpoint(whole.folder));
  });

  test('stops without saving, and goes on from the checkpoint that was there', async () => {
    const { folder, done } = await controlled(2, async (control) => {
      const saved = await control.save();
      control.stop({ save: false });
      expect(saved.step).toBeGreaterThan(0);
    });
    expect(done.state).toBe('stopped');
    expect((await readdir(join(folder, 'checkpoints'))).length).toBe(1);
    expect((await resume(folder)).done.state).toBe('finished');
    expect(await newestCheckpoint(folder)).toEqual(await newestCheckpoint(whole.folder));
  });

  test('a request after its end is refused', async () => {
    const control = new RunControl();
    await start({ manifest, recipe, control });
    await expect(control.pause()).rejects.toThrow('has ended');
  });
});

describe('while it is being prepared a run', () => {
  test.each([
    ['prepared', isPreparing],
    ['measured without training', isMeasuring],
  ])('that is %s waits when asked, and goes on with the same bits', async (_words, moment) => {
    const { folder, done } = await controlledAt(moment, async (control, events) => {
      const pausing = control.pause();
      expect(control.asked).toBe('pause');
      expect((await pausing).step).toBe(0);
      expect([control.isPaused, control.asked]).toEqual([true, null]);
      const before = events.length;
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(events.length).toBe(before);
      expect(events.some(({ event }) => event === 'step')).toBe(false);
      control.resume();
    });
    expect(done.state).toBe('finished');
    expect(await newestCheckpoint(folder)).toEqual(await newestCheckpoint(whole.folder));
  });

  test('ends at once when asked, without a step or a checkpoint, also while it waits, and begins with the same bits', async () => {
    const { folder, done, events } = await controlledAt(isPreparing, async (control) => {
      await control.pause();
      control.stop({ save: true });
      expect(control.asked).toBe('stop');
    });
    expect(done).toMatchObject({ state: 'stopped', step: 0, reason: null });
    expect(events.filter(({ event }) => ['start', 'step', 'checkpoint'].includes(event))).toEqual([]);
    expect(await readdir(join(folder, 'checkpoints'))).toEqual([]);
    expect((await resume(folder)).done.state).toBe('finished');
    expect(await newestCheckpoint(folder)).toEqual(await newestCheckpoint(whole.folder));
  });
});

test('a run made for later begins with the same bits', async () => {
  const folder = join(temporaryFolder(), 'later');
  const record = await prepareRun({ folder, manifest, recipe, gpu: await testGpu() });
  expect(record.state).toBe('queued');
  const { done, events } = await resume(folder);
  expect(done.state).toBe('finished');
  expect(events.filter(({ event }) => event === 'warning')).toEqual([]);
  expect(await newestCheckpoint(folder)).toEqual(await newestCheckpoint(whole.folder));
});

test('panels hold what the teacher sees at first and at the end, in colours of one basis', async () => {
  const { folder, done } = await controlled(1, async () => {});
  const panels = join(folder, 'panels');
  const steps = await panelSteps(panels);
  expect(steps[0]).toBe(0);
  expect(steps.at(-1)).toBe(done.steps);
  const pictures = (await readPictures(panels))!;
  expect(pictures.rgb).toHaveLength(8);
  expect(pictures.rgb[0]!).toHaveLength(32 * 32 * 3);
  const basis = (await readBasis(panels))!;
  expect(steps).toContain(basis.step);
  const panel = (await readPanel(panels, done.steps, basis))!;
  expect(panel.attention).toHaveLength(8);
  for (const map of panel.attention) expect(map).toHaveLength(16);
  for (const rgba of panel.colours) expect(rgba).toHaveLength(16 * 4);
  expect(new Set(panel.colours.flatMap((rgba) => [...rgba])).size).toBeGreaterThan(8);
  const one = (await readPanel(panels, done.steps, basis, 5))!;
  expect(one.colours.map(({ length }) => length)).toEqual([0, 0, 0, 0, 0, 64, 0, 0]);
  expect(one.colours[5]).toEqual(panel.colours[5]);
});
