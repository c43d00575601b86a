/** What can be done with the queue. Failures are told. */
import type { Job, RunSummary } from '../../../engine/protocol';
import { engine, EngineError, toasts } from '../../state';

const tell = (error: unknown) => toasts.fail(error);

export const hold = (held: boolean) => engine.call('queue.hold', { held }).catch(tell);

/** @param before null: last */
export const move = (job: number, before: number | null) => engine.call('queue.move', { job, before }).catch(tell);

/** A run that has not begun is gone with its place, so what it was to be is kept for Undo. */
export async function takeOut({ job, run }: Job, summary: RunSummary | undefined, next: number | null): Promise<void> {
  try {
    const draft = summary?.step === 0 ? await draftOf(run) : undefined;
    await engine.call('queue.remove', { job });
    const again = async () => {
      if (draft) await engine.call('runs.start', { name: run, draft, tags: summary?.tags ?? [], note: summary?.note ?? '' });
      else await engine.call('runs.continue', { run });
      const { jobs } = await engine.call('queue.get', {});
      const own = jobs.find((each) => each.run === run && each.state === 'waiting');
      if (own && next !== null && jobs.some((each) => each.job === next)) await engine.call('queue.move', { job: own.job, before: next });
    };
    const action = draft || summary?.step ? { action: { label: 'Undo', run: () => void again().catch(tell) } } : {};
    toasts.say(`${run} was taken out of the queue.`, action);
  } catch (error) {
    tell(error);
  }
}

/** Undefined: its pictures are in no dataset of the library, so it could not be made again. */
async function draftOf(run: string) {
  try {
    const { dataset, preset, hours, options } = await engine.call('recipes.fromRun', { run });
    return dataset === null ? undefined : { dataset, preset, hours, options };
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}
