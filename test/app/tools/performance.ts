/** How fast the window is, measured in the real program on a real display or a virtual one. */
import { removeTemporaryFolders } from '../../support/temporary-folder';
import { endDisplay, prepare } from '../support/launch';
import { grid } from './performance/grid';
import { monitor } from './performance/monitor';
import type { Part, Row } from './performance/row';
import { start } from './performance/start';
import { training } from './performance/training';

export type { Row } from './performance/row';

const parts: readonly Part[] = [start, grid, monitor, training];
export const partNames = parts.map(({ name }) => name);

/** @param done hears the rows of each part as it is through */
export async function measure(wanted: readonly string[], done: (name: string, rows: Row[]) => void): Promise<void> {
  await prepare();
  try {
    for (const part of parts) {
      if (wanted.includes(part.name)) done(part.name, await part.measure());
      removeTemporaryFolders();
    }
  } finally {
    endDisplay();
    removeTemporaryFolders();
  }
}
