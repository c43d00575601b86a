/** The monitor of a run, as a page shows it. */
import type { Page } from 'playwright-core';
import { slowMs } from './until';

export function monitorOf(page: Page) {
  const status = page.getByRole('group', { name: 'State of the run' });
  const chart = (title: string) => page.getByRole('region', { name: title, exact: true });
  return {
    status,
    chart,
    /** Until it says so of the run's state. */
    says: (text: string | RegExp) => status.getByText(text).first().waitFor({ timeout: slowMs }),
    stepOf: async () => Number(/step ([\d,]+) of/.exec((await status.textContent()) ?? '')?.[1]?.replaceAll(',', '') ?? -1),
    /** Colours that a chart's canvas has drawn, but for its ground. */
    drawn: (title: string) =>
      chart(title)
        .locator('canvas')
        .evaluate((canvas: HTMLCanvasElement) => {
          const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
          const colours = new Set<number>();
          for (let i = 0; i < data.length; i += 4) if (data[i + 3]! > 200) colours.add((data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!);
          return colours.size;
        }),
  };
}
