/** Where a run goes on: at its newest checkpoint that can be read. It begins anew only where it never had one. */
import { UserError } from '../errors';
import { DamagedFileError } from '../formats';
import type { Trainer } from '../ibot';
import { loadCheckpoint, type CheckpointContents, type CheckpointIdentity } from './checkpoint';
import type { CheckpointStore, StoredCheckpoint } from './checkpoint-store';
import type { RunEvent } from './events';

export interface RestoreOptions {
  trainer: Trainer;
  store: CheckpointStore;
  identity: CheckpointIdentity;
  /** Step of the last checkpoint, as the run's record has it; 0 for none. */
  recordedStep: number;
  emit: (event: RunEvent) => void;
}

/**
 * Brings the newest checkpoint onto the device. Damaged ones are passed over, and set aside once an older one has been
 * loaded; one that cannot be opened, or belongs to another run, is for somebody to look at: nothing is touched.
 * @returns undefined at the start of a run, which is then on the device
 * @throws UserError where the run has steps behind it and nothing to go on from
 */
export async function restore(options: RestoreOptions): Promise<CheckpointContents | undefined> {
  const { trainer, store, identity, recordedStep, emit } = options;
  const stored = await store.list();
  if (stored.length === 0) {
    if (recordedStep > 0 || (await store.hasAside())) throw nothingToGoOnFrom(store, 'it holds none any more');
    trainer.initialise();
    return undefined;
  }
  trainer.clear();
  const damaged: { checkpoint: StoredCheckpoint; error: UserError }[] = [];
  for (const checkpoint of stored) {
    let contents: CheckpointContents;
    try {
      contents = await loadCheckpoint(checkpoint.path, trainer.gpu, trainer.network, identity);
    } catch (error) {
      if (!(error instanceof DamagedFileError)) throw error;
      damaged.push({ checkpoint, error });
      continue;
    }
    for (const { checkpoint: refused, error } of damaged) {
      await store.setAside(refused);
      const message = `${error.message} The checkpoint of step ${contents.step} is taken, and this one set aside.`;
      emit({ event: 'warning', code: 'checkpoint-refused', message, step: refused.step });
    }
    return contents;
  }
  throw nothingToGoOnFrom(store, damaged[0]!.error.message);
}

const nothingToGoOnFrom = ({ folder }: CheckpointStore, why: string): UserError =>
  new UserError(
    `There is no checkpoint to go on from in ${folder} (${why.replace(/\.$/, '')}): put one back there, ` +
      'or start again in a new folder. Checkpoints and metrics were left as they are.',
  );
