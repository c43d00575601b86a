/** The two ways to the program's window, for tests that hold in both: Electron, and Debian's Chromium at a served workbench. */
import { endDisplay, launch, prepare } from './launch';
import type { OpenOptions, ProgramWindow } from './program-window';
import { endBrowser, openServed, prepareBrowser } from './serve';

export interface Kind {
  kind: 'electron' | 'chromium';
  /** Builds and fetches what is missing, and starts what shows windows. */
  prepare(): Promise<void>;
  open(options?: OpenOptions): Promise<ProgramWindow>;
  /** Ends what shows windows. */
  end(): Promise<void> | void;
}

const electron: Kind = { kind: 'electron', prepare, open: launch, end: endDisplay };
const chromium: Kind = { kind: 'chromium', prepare: prepareBrowser, open: openServed, end: endBrowser };

export const allKinds = [electron, chromium];

/** For what takes long and hardly differs: both with `npm run test:full` alone. */
export const someKinds = process.env.IBOT_TEST_FULL ? allKinds : [electron];
