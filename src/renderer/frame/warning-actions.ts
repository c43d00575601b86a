/** What warnings offer to do, wherever they are shown. */
import type { WarningAction } from '../../engine/protocol';
import { commands, engine, go, href, toasts } from '../state';

export const actionLabels: Record<WarningAction['kind'], string> = {
  'show-run': 'Show the run',
  'continue-run': 'Go on',
  'clone-run': 'Clone the run',
  'set-workers': 'Read with more threads',
  'show-problems': 'Show the files',
  'free-space': 'Free space',
  'choose-device': 'Choose a device',
};

export async function actOn(action: WarningAction): Promise<void> {
  try {
    if (action.kind === 'show-run') go(href('run', action.run));
    else if (action.kind === 'continue-run') await engine.call('runs.continue', { run: action.run });
    else if (action.kind === 'clone-run') go(`${href('runs', 'new')}?from=${encodeURIComponent(action.run)}`);
    else if (action.kind === 'set-workers') await engine.call('runs.adjust', { run: action.run, workers: action.workers });
    else if (action.kind === 'show-problems') go(href('data', action.dataset, 'problems'));
    else if (action.kind === 'free-space') commands.find('settings-library')?.run();
    else commands.find('settings-computing')?.run();
  } catch (error) {
    toasts.fail(error);
  }
}
