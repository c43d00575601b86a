import Copy from '@lucide/svelte/icons/copy';
import FolderSearch from '@lucide/svelte/icons/folder-search';
import HardDrive from '@lucide/svelte/icons/hard-drive';
import Pause from '@lucide/svelte/icons/pause';
import Pencil from '@lucide/svelte/icons/pencil';
import Play from '@lucide/svelte/icons/play';
import Square from '@lucide/svelte/icons/square';
import Trash2 from '@lucide/svelte/icons/trash-2';
import type { RunSummary } from '../../../engine/protocol';
import type { MenuEntries } from '../../components';
import { isDesktop } from '../../state';
import { canGoOn, duplicate, goOn, isGoing, pause, resume, reveal, saveAndStop } from '../../state/run-actions';
import { remove } from './run-actions';

/** What has to be asked before it is done. */
export interface RunDialogs {
  rename(): void;
  free(): void;
}

/** What can be done with one run, in its menu and in the palette. */
export function runEntries(run: RunSummary, dialogs: RunDialogs): MenuEntries {
  const ours = isGoing(run) && !run.foreign;
  return [
    ...(ours && run.state === 'running' ? [{ label: 'Pause', icon: Pause, run: () => void pause(run) }] : []),
    ...(ours && run.state === 'paused' ? [{ label: 'Go on', icon: Play, run: () => void resume(run) }] : []),
    ...(ours ? [{ label: 'Save and stop', icon: Square, run: () => void saveAndStop(run) }] : []),
    ...(canGoOn(run) ? [{ label: 'Go on from its last checkpoint', icon: Play, run: () => void goOn(run) }] : []),
    { label: 'New run with its options', icon: Copy, run: () => duplicate(run) },
    { label: 'Rename …', icon: Pencil, keys: 'F2', disabled: isGoing(run), run: dialogs.rename },
    ...(isDesktop ? [{ label: 'Show in folder', icon: FolderSearch, run: () => void reveal(run) }] : []),
    { label: 'Free checkpoints …', icon: HardDrive, disabled: isGoing(run) || run.checkpoints < 2, run: dialogs.free },
    null,
    { label: 'Delete', icon: Trash2, keys: 'Del', danger: true, disabled: isGoing(run), run: () => void remove([run]) },
  ];
}
