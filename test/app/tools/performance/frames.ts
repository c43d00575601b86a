import type { Page } from 'playwright-core';
import type { Row } from './row';

/** Times of frames, in milliseconds. */
export type Frames = number[];

export function frameRows(what: string, times: Frames): Row[] {
  const gaps = times.slice(1).map((time, i) => time - times[i]!);
  const perSecond = (1000 * gaps.length) / (times.at(-1)! - times[0]!);
  const slow = gaps.filter((gap) => gap > 50).length;
  const worst = [...gaps].sort((a, b) => a - b)[Math.floor(gaps.length * 0.95)]!;
  return [
    {
      what,
      value: `${perSecond.toFixed(1)} frames/s; 95% within ${worst.toFixed(0)} ms; ${((100 * slow) / gaps.length).toFixed(1)}% above 50 ms`,
      limit: 'on a graphics card above 50 frames/s',
    },
  ];
}

/** Frames while the grid scrolls at so many pixels a second. */
export const scrollFrames = (page: Page, pixelsPerSecond: number, seconds: number): Promise<Frames> =>
  page.evaluate(
    ([speed, limit]) =>
      new Promise<number[]>((resolve) => {
        const scroller = [...document.querySelectorAll('*')].find((each) => each.scrollHeight > 10 * each.clientHeight && each.clientHeight > 200)!;
        const times: number[] = [];
        const from = scroller.scrollTop;
        const frame = (now: number) => {
          times.push(now);
          const elapsed = (now - times[0]!) / 1000;
          scroller.scrollTop = from + speed! * elapsed;
          if (elapsed < limit!) requestAnimationFrame(frame);
          else resolve(times);
        };
        requestAnimationFrame(frame);
      }),
    [pixelsPerSecond, seconds],
  );

interface Counted {
  ibotFrames?: number[];
}

/** Frames while `act` goes on. */
export async function framesDuring(page: Page, act: () => Promise<void>): Promise<Frames> {
  await page.evaluate(() => {
    const times: number[] = ((globalThis as Counted).ibotFrames = []);
    const frame = (now: number) => {
      if ((globalThis as Counted).ibotFrames !== times) return;
      times.push(now);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  await act();
  return page.evaluate(() => {
    const times = (globalThis as Counted).ibotFrames!;
    delete (globalThis as Counted).ibotFrames;
    return times;
  });
}
