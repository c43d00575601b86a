/** The form of a new run, as a page shows it. */
import type { Page } from 'playwright-core';
import { slowMs } from './until';

export function newRunForm(page: Page) {
  const field = (name: string) => page.getByRole('textbox', { name, exact: true });
  return {
    field,
    set: async (name: string, value: string) => {
      await field(name).fill(value);
      await field(name).press('Enter');
    },
    search: (text: string) => page.getByLabel('Search the options').fill(text, { timeout: slowMs }),
    /** The answer to the last change is there. */
    settled: () => page.locator('.gives:not(.old)').waitFor({ timeout: slowMs }),
  };
}
