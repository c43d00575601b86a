import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readEvents } from '../../../src/engine/formats';
import type { EpochEvent, StepEvent } from '../../../src/engine/runs';
import { closingAll } from '../../../src/engine/runs/closing-all';
import { KnnSoFar } from '../../../src/engine/runs/knn-so-far';
import { MetricsLog } from '../../../src/engine/runs/metrics';
import { SavingCost } from '../../../src/engine/runs/saving-cost';
import { temporaryFolder } from '../../support/temporary-folder';

describe('closing', () => {
  const parts = (closed: string[], ...failing: string[]) =>
    ['first', 'second', 'third'].map((name) => ({
      close() {
        closed.push(name);
        if (failing.includes(name)) throw new Error(`${name} does not close`);
      },
    }));

  test('goes on past what fails, the last opened first, and tells the first failure', async () => {
    const closed: string[] = [];
    const work = closingAll(parts(closed, 'third', 'second'), () => Promise.resolve(1));
    await expect(work).rejects.toThrow('third does not close');
    expect(closed).toEqual(['third', 'second', 'first']);
  });

  test("never hides the work's own error, and gives its result", async () => {
    const closed: string[] = [];
    const work = closingAll(parts(closed, 'third'), () => Promise.reject(new Error('the disk is full')));
    await expect(work).rejects.toThrow('the disk is full');
    expect(closed).toHaveLength(3);
    expect(await closingAll(parts(closed), () => Promise.resolve(1))).toBe(1);
  });
});

describe('saving', () => {
  test('that takes long is told once, where somebody asked for it', () => {
    const cost = new SavingCost(1);
    const told = [10, 20, 30, 40].map((elapsed) => cost.add(2, elapsed));
    expect(told).toEqual([undefined, undefined, expect.stringMatching(/takes 20% .* checkpoint_every 1/), undefined]);
    const cheap = new SavingCost(1);
    expect([10, 20, 30].map((elapsed) => cheap.add(0.9, elapsed))).toEqual([undefined, undefined, undefined]);
    const byTime = new SavingCost(0);
    expect([10, 20, 30].map((elapsed) => byTime.add(9, elapsed))).toEqual([undefined, undefined, undefined]);
  });
});

describe('metrics', () => {
  const step = (number: number) => ({ event: 'step', step: number, loss: number }) as StepEvent;
  const epoch = (number: number, k20: number | null) => {
    const teacher = { knn: { k10: null, k20, k100: null, k200: null }, retrieval: null, rank: null };
    return { event: 'epoch', step: number, epoch: 1, evaluation: { teacher, seconds: 1 } } as EpochEvent;
  };

  test('are there for TensorBoard after a hundred steps and after an epoch, unsaved', async () => {
    const folder = temporaryFolder();
    const files = { metrics: join(folder, 'metrics.jsonl'), events: join(folder, 'events') };
    const log = await MetricsLog.open(files, 0);
    const written = async (): Promise<number> => (await readEvents(files.events)).length;
    for (let i = 1; i < 100; i++) await log.step(step(i));
    expect(await written()).toBe(0);
    await log.step(step(100));
    // With the file's own.
    expect(await written()).toBe(101);
    await log.step(step(101));
    await log.epoch(epoch(101, 40));
    expect(await written()).toBe(103);
    await log.step(step(102));
    await log.flush();
    expect(await written()).toBe(104);
    await log.close();
    expect((await readFile(files.metrics, 'utf8')).trim().split('\n')).toHaveLength(103);
  });

  test('tell the last k-NN and the best', async () => {
    const folder = temporaryFolder();
    const files = { metrics: join(folder, 'metrics.jsonl'), events: join(folder, 'events') };
    const log = await MetricsLog.open(files, 0);
    for (const [at, k20] of [40, 60, 50, null].entries()) await log.epoch(epoch(at + 1, k20));
    await log.close();
    const knn = await KnnSoFar.read(files.metrics);
    expect({ ...knn }).toEqual({ last: 50, best: 60, elapsed: 0 });
    knn.add(epoch(5, 70).evaluation);
    expect({ ...knn }).toEqual({ last: 70, best: 70, elapsed: 0 });
  });
});
