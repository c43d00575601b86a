/** What warnings offer to do, wherever they are shown. */
import type { WarningAction } from '../../engine/protocol';
import { commands, go, href } from '../state';
import { duplicate, goOn, open, setWorkers } from '../state/run-actions';

export const actionLabels: Record<WarningAction['kind'], string> = {
  'show-run': 'Show the run',
  'continue-run': 'Go on',
  'clone-run': 'Clone the run',
  'set-workers': 'Read with more threads',
  'show-problems': 'Show the files',
  'free-space': 'Free space',
  'choose-device': 'Choose a device',
};

export function actOn(action: WarningAction): void {
  if (action.kind === 'show-run') open(action);
  else if (action.kind === 'continue-run') void goOn(action);
  else if (action.kind === 'clone-run') duplicate(action);
  else if (action.kind === 'set-workers') void setWorkers(action, action.workers);
  else if (action.kind === 'show-problems') go(href('data', action.dataset, 'problems'));
  else if (action.kind === 'free-space') commands.find('settings-library')?.run();
  else commands.find('settings-computing')?.run();
}
