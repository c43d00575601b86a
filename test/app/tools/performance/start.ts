import { join } from 'node:path';
import { temporaryFolder } from '../../../support/temporary-folder';
import { launch, type LaunchedApp } from '../../support/launch';
import { median, type Part, type Row } from './row';

const rounds = 5;

interface Times {
  page: number;
  program: number;
  engine: number;
}

/** From the start of the page, and of the program, to the first view that can be used; and until the engine is ready. */
export const start: Part = {
  name: 'start',
  async measure(): Promise<Row[]> {
    const profile = { library: join(temporaryFolder(), 'library'), userData: join(temporaryFolder(), 'profile') };
    const times: Times[] = [];
    // The first start makes what later ones find.
    for (let round = 0; round <= rounds; round++) {
      const one = await startOnce(profile);
      if (round > 0) times.push(one);
    }
    const seconds = (key: keyof Times) => {
      const all = times.map((each) => each[key] / 1000);
      return `${median(all).toFixed(2)} s (${Math.min(...all).toFixed(2)} to ${Math.max(...all).toFixed(2)})`;
    };
    return [
      { what: 'page begins → first view can be used', value: seconds('page'), limit: 'under 2 s on 2 cores' },
      { what: 'program begins → first view can be used', value: seconds('program') },
      { what: 'program begins → engine is ready and has its device', value: seconds('engine') },
    ];
  },
};

async function startOnce(profile: Pick<LaunchedApp, 'library' | 'userData'>): Promise<Times> {
  const begun = Date.now();
  const shell = await launch({ from: profile });
  try {
    await shell.page.getByTestId('engine-state').filter({ hasText: 'Engine ready' }).waitFor({ timeout: 60_000 });
    const engine = Date.now() - begun;
    const { origin, shown } = await shell.page.evaluate(async () => {
      const view = performance.getEntriesByName('view shown')[0]!;
      return { origin: performance.timeOrigin, shown: view.startTime };
    });
    return { page: shown, program: origin + shown - begun, engine };
  } finally {
    await shell.close();
  }
}
