/** Options as text: the command that does the same, files in and out. */
import { copyText, engine, openText, saveText, toasts } from '../../state';
import { plural } from '../../state/words';
import { newRun } from './draft.svelte';

const undo = { label: 'Undo', run: () => newRun.undo() };

/** Does it, and tells why where it cannot be done. */
export async function attempt(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    toasts.fail(error);
  }
}

export async function copyCommand(): Promise<void> {
  const { draft, name, check } = newRun;
  if (!draft || !check?.recipe) return;
  const { command } = await engine.call('recipes.command', name === undefined ? { draft } : { draft, name });
  await copyText(command);
  toasts.say('The command was copied: it makes the same run in a terminal.', { tone: 'good' });
}

/** Of a file that was exported here, of `--config`, or of a run's run.json. */
export async function importOptions(): Promise<void> {
  const file = await openText('Options of a run', ['json']);
  if (!file) return;
  const { options, refused } = await engine.call('recipes.read', { text: file.text });
  newRun.change({ preset: 'none', options, copiedFrom: file.fileName });
  const count = Object.keys(options).length;
  const taken = `${plural(count, 'option')} of ${file.fileName} ${count === 1 ? 'was' : 'were'} taken over.`;
  toasts.say(refused.length > 0 ? `${taken} Not understood: ${refused.join(' ')}` : taken, { action: undo });
}

export async function exportOptions(): Promise<void> {
  if (!newRun.draft) return;
  const file = await engine.call('recipes.write', newRun.draft);
  if (await saveText(file)) toasts.say('The options were saved.', { tone: 'good' });
}

export function resetAll(): void {
  newRun.reset();
  toasts.say('All options are as at first.', { action: undo });
}
