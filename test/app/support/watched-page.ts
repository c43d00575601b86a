/** A page of the program that a test drives and looks at, whatever shows it. Pictures of it are kept in out/screens/. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { root } from '../../../scripts/set-up.mjs';

const screens = join(root, 'out', 'screens');

export interface WatchedPage {
  page: Page;
  /** Errors of the page's console and scripts, so far. */
  problems: string[];
  /** Keeps a picture of what is shown. */
  screenshot(name: string): Promise<void>;
  /** What axe finds serious or worse in what is shown now, one line each. */
  barriers(): Promise<string[]>;
}

/** @param mark stands at the end of its pictures' names */
export function watch(page: Page, mark = ''): WatchedPage {
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(error.stack ?? error.message));
  return {
    page,
    problems,
    screenshot: async (name) => {
      mkdirSync(screens, { recursive: true });
      await page.screenshot({ path: join(screens, `${name}${mark}.png`) });
    },
    barriers: () => barriersOf(page),
  };
}

async function barriersOf(page: Page): Promise<string[]> {
  // Evaluated by the debugger, since the page itself may load no foreign script.
  await page.evaluate(`if (!globalThis.axe) { ${axe.source} }`);
  const { violations } = (await page.evaluate('axe.run(document)')) as axe.AxeResults;
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
}
