import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../../support/temporary-folder';
import { ask } from '../../support/engine-port';
import { launch, type LaunchedApp } from '../../support/launch';
import { addDataset, becomes, drawPictures, reach, startRun } from '../../support/small-run';
import { frameRows, framesDuring } from './frames';
import type { Part, Row } from './row';

/** Steps of an hour, at four a second. */
const steps = 14_400;
const stepsPerSecond = 4;

/** The monitor of a run with an hour of metrics that goes on being written: still, with the pointer over the charts, and zoomed. */
export const monitor: Part = {
  name: 'monitor',
  async measure(): Promise<Row[]> {
    const shell = await launch({ theme: 'dark' });
    try {
      await hourOfMetrics(shell);
      const { page } = shell;
      const file = join(shell.library, 'runs', 'hour', 'metrics.jsonl');
      const last = JSON.parse(readFileSync(file, 'utf8').trimEnd().split('\n').at(-1)!) as Record<string, number>;
      const writer = setInterval(() => {
        last.step! += 1;
        appendFileSync(file, `${JSON.stringify(last)}\n`);
      }, 1000 / stepsPerSecond);
      try {
        await page.evaluate(() => (location.hash = '#/run/hour'));
        await page.locator('canvas').first().waitFor({ timeout: 60_000 });
        await page.waitForTimeout(3000);
        const box = (await page.locator('canvas').first().boundingBox())!;
        const hover = async () => {
          for (let i = 0; i < 200; i++) await page.mouse.move(box.x + (box.width * ((i * 7) % 200)) / 200, box.y + box.height / 2);
        };
        const zoom = async () => {
          for (let i = 0; i < 10; i++) {
            await page.mouse.move(box.x + box.width * 0.2, box.y + box.height / 2);
            await page.mouse.down();
            await page.mouse.move(box.x + box.width * 0.7, box.y + box.height / 2, { steps: 10 });
            await page.mouse.up();
            await page.waitForTimeout(200);
          }
        };
        const still = () => page.waitForTimeout(8000);
        const all = `the monitor with ${steps.toLocaleString('en')} steps (an hour), growing`;
        return [
          ...frameRows(`${all}, still`, await framesDuring(page, still)),
          ...frameRows(`${all}, pointer over the charts`, await framesDuring(page, hover)),
          ...frameRows(`${all}, zoomed again and again`, await framesDuring(page, zoom)),
        ];
      } finally {
        clearInterval(writer);
      }
    } finally {
      await shell.close();
    }
  },
};

/** A real run of a few steps, whose steps are written on as if it had gone on for an hour. */
async function hourOfMetrics({ page, library }: LaunchedApp): Promise<void> {
  const pictures = join(temporaryFolder(), 'pictures');
  await drawPictures(pictures);
  await startRun(page, 'hour', await addDataset(page, pictures));
  await reach(page, 'hour', 200);
  await ask(page, 'runs.stop', { run: 'hour', save: true });
  await becomes(page, 'hour', 'stopped');
  const file = join(library, 'runs', 'hour', 'metrics.jsonl');
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  const known = lines.filter(({ event }) => event === 'step');
  const more = Array.from({ length: steps - known.length }, (_, i) => {
    const step = known.length + i + 1;
    const like = known[i % known.length]!;
    const times = { elapsed: step / stepsPerSecond, time: (known[0]!.time as number) + step / stepsPerSecond };
    return JSON.stringify({ ...like, step, epoch: Math.ceil(step / 5), loss: (like.loss as number) * (0.7 + 0.3 * Math.exp(-step / 4000)), ...times });
  });
  writeFileSync(file, `${[...lines.map((line) => JSON.stringify(line)), ...more].join('\n')}\n`);
}
