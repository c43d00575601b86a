import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../../support/temporary-folder';
import { launch, type LaunchedApp } from '../../support/launch';
import { addDataset, drawPictures, reach, startRun } from '../../support/small-run';
import { median, type Part, type Row } from './row';

const rounds = 5;
const secondsEach = 20;

/** What looking costs the run that is looked at: one run, while the window is hidden, shows Home, and shows the run's monitor, in turn. */
export const training: Part = {
  name: 'training',
  async measure(): Promise<Row[]> {
    const shell = await launch({ theme: 'dark' });
    try {
      const pictures = join(temporaryFolder(), 'pictures');
      await drawPictures(pictures, 200);
      const size = { embed_dim: 64, depth: 3, num_heads: 4, global_crops_size: 64, out_dim: 256, batch_size: 16 };
      await startRun(shell.page, 'watched', await addDataset(shell.page, pictures), size);
      await reach(shell.page, 'watched', 30);
      const looks = { hidden: () => hide(shell), home: () => show(shell, 'home'), monitor: () => show(shell, 'run/watched') };
      const rates: Record<keyof typeof looks, number[]> = { hidden: [], home: [], monitor: [] };
      for (let round = 0; round < rounds; round++) {
        for (const look of Object.keys(looks) as (keyof typeof looks)[]) {
          await looks[look]();
          // What is drawn first does not count.
          await shell.page.waitForTimeout(3000);
          const from = Date.now() / 1000;
          await shell.page.waitForTimeout(secondsEach * 1000);
          rates[look].push(stepsPerSecond(shell.library, from));
        }
      }
      const ratios = (look: keyof typeof looks) => rates[look].map((rate, i) => 100 * (1 - rate / rates.hidden[i]!));
      const row = (what: string, losses: number[]): Row => ({
        what,
        value: `${median(losses).toFixed(1)}% (${Math.min(...losses).toFixed(1)} to ${Math.max(...losses).toFixed(1)} in ${rounds} rounds)`,
        limit: 'on a graphics card under 2%',
      });
      return [
        { what: 'steps per second with the window hidden', value: median(rates.hidden).toFixed(2) },
        row('training speed lost while Home is shown', ratios('home')),
        row('training speed lost while the monitor is shown', ratios('monitor')),
      ];
    } finally {
      await shell.close();
    }
  },
};

const hide = ({ app }: LaunchedApp) => app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.hide());

async function show({ app, page }: LaunchedApp, address: string): Promise<void> {
  await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.show());
  await page.evaluate((hash) => (location.hash = hash), `#/${address}`);
}

/** By the times in the run's own metrics, from the first step after `from` to the last one. */
function stepsPerSecond(library: string, from: number): number {
  const lines = readFileSync(join(library, 'runs', 'watched', 'metrics.jsonl'), 'utf8').split('\n').slice(0, -1);
  const times = lines.flatMap((line) => {
    const { event, time } = JSON.parse(line) as { event: string; time: number };
    return event === 'step' && time >= from ? [time] : [];
  });
  return (times.length - 1) / (times.at(-1)! - times[0]!);
}
