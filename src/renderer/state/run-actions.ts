/** What can be done with runs, wherever they are shown. Failures are told; each that changes something says whether it was done. */
import type { OptionValues, RunSummary } from '../../engine/protocol';
import { engine } from './engine';
import { attempt, toasts } from './notices.svelte';
import { go, href } from './router.svelte';
import { bytes, duration, number } from './words';

type Named = Pick<RunSummary, 'run'>;

/** It computes, here or in another process, or keeps the device. */
export const isGoing = ({ state }: Pick<RunSummary, 'state'>): boolean => state === 'running' || state === 'paused';
export const canGoOn = ({ state }: Pick<RunSummary, 'state'>): boolean => state === 'stopped' || state === 'interrupted' || state === 'failed';

export const open = ({ run }: Named): void => go(href('run', run));
/** Names hold no | . */
export const compare = (runs: readonly string[]): void => go(href('runs', 'compare', runs.join('|')));
/** A new run with its options, or others. */
export function duplicate({ run }: Named, changes: OptionValues = {}): void {
  const changed = Object.keys(changes).length === 0 ? '' : `&changes=${encodeURIComponent(JSON.stringify(changes))}`;
  go(`${href('runs', 'new')}?from=${encodeURIComponent(run)}${changed}`);
}
export const reveal = ({ run }: Named) => attempt(() => engine.call('desktop.reveal', { kind: 'run', run }));

export const pause = ({ run }: Named) => attempt(() => engine.call('runs.pause', { run }));
export const resume = ({ run }: Named) => attempt(() => engine.call('runs.resume', { run }));
export const saveAndStop = ({ run }: Named) => attempt(() => engine.call('runs.stop', { run, save: true }));
export const stopWithoutSaving = ({ run }: Named) => attempt(() => engine.call('runs.stop', { run, save: false }));
export const goOn = ({ run }: Named) =>
  attempt(async () => {
    await engine.call('runs.continue', { run });
    toasts.say(`${run} is in the queue and goes on from its last checkpoint.`);
  });
export const save = ({ run }: Named) =>
  attempt(async () => {
    const saved = await engine.call('runs.save', { run });
    toasts.say(`Step ${number(saved.step)} is saved: ${bytes(saved.bytes)} in ${duration(saved.seconds)}.`, { tone: 'good' });
  });
export const setWorkers = ({ run }: Named, workers: number) =>
  attempt(async () => {
    await engine.call('runs.adjust', { run, workers });
    toasts.say(`Pictures are read with ${workers === 1 ? 'one thread' : `${workers} threads`} from the next step on.`, { tone: 'good' });
  });

export const tag = (runs: readonly Named[], change: { add?: string[]; remove?: string[] }) =>
  attempt(() => engine.call('runs.tag', { runs: runs.map(({ run }) => run), ...change }));
export const setNote = (run: string, note: string) => attempt(() => engine.call('runs.setNote', { run, note }));
