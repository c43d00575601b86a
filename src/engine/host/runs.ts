/** The area of runs at work: starting, pausing, stopping, saving, going on. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors';
import { modelTitle, Network, networkConfigOf } from '../ibot';
import type { StoredJob } from '../jobs';
import { runName, type Params, type RunSummary } from '../protocol';
import { checkpointBytes, freeBytes, listCheckpoints, prepareRun, RunEndedError, type RunControl, type Saved } from '../runs';
import { VERSION } from '../version';
import type { Area } from './host-context';
import type { RunEntry } from './run-entry';
import { runDetail } from './run-detail';
import { NO_NOTES, writeNotes } from './run-notes';
import type { HostServices } from './services';

export function runsArea(services: HostServices): Area {
  const { context, desk, device, warnings } = services;
  const { registry, queue } = desk;

  const summaryOf = async (name: string): Promise<RunSummary> => {
    const entry = await registry.refreshOne(name);
    desk.tell([entry]);
    return desk.summary(entry);
  };

  const checkName = async (name: string): Promise<string | null> => {
    const parsed = runName.safeParse(name);
    if (!parsed.success) {
      const said = parsed.error.issues[0]?.message ?? 'it cannot be a name';
      return name.trim() === '' ? 'A run needs a name.' : `${name} cannot be a name: ${said.charAt(0).toLowerCase()}${said.slice(1)}.`;
    }
    return (await registry.isTaken(name)) ? `There is a run named ${name} already: choose another name.` : null;
  };

  const start = async ({ name, draft, tags = [], note = '' }: Params<'runs.start'>): Promise<RunSummary> => {
    const problem = await checkName(name);
    if (problem !== null) throw new UserError(problem);
    const [{ manifest, problems, allowBad, name: datasetName }, recipe] = await Promise.all([
      context.datasets.pictures(draft.dataset),
      context.recipes.resolve(draft),
    ]);
    const gpu = await device.open();
    const folder = join(context.library.runs, name);
    await requireRoom(folder, recipe, manifest.pictures.length, context.library.runs);
    await prepareRun({ folder, manifest, recipe, problems, allowBad, gpu, version: VERSION });
    try {
      await writeNotes(folder, { ...NO_NOTES, dataset: draft.dataset, datasetName, tags: [...new Set(tags)], note });
      await registry.refreshOne(name);
      await queue.add({ run: name, folder, detail: `${modelTitle(recipe)} on ${datasetName}` });
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    context.datasets.touch(draft.dataset);
    return summaryOf(name);
  };

  /** The control of a run that is going here. @throws UserError for all others */
  const controlOf = (name: string, todo: string): RunControl => {
    const entry = registry.get(name);
    if (desk.live?.folder === entry.folder && queue.going) return queue.going.control;
    if (entry.heldElsewhere) throw new UserError(`${name} is trained by another process, at the command line: it is ${todo} there.`);
    throw new UserError(`${name} is not going, so it cannot be ${todo}.`);
  };

  /** What was asked of a run; its end may come before. */
  const asked = async (name: string, request: Promise<Saved>): Promise<Saved> => {
    try {
      return await request;
    } catch (error) {
      if (error instanceof RunEndedError) throw new UserError(`${name} has ended meanwhile.`);
      throw error;
    }
  };

  const jobOf = ({ folder }: RunEntry): StoredJob | undefined => queue.present.jobs.find((job) => job.folder === folder);

  const stop = async ({ run, save }: Params<'runs.stop'>): Promise<RunSummary> => {
    const entry = registry.get(run);
    const job = jobOf(entry);
    if (desk.live?.folder !== entry.folder && job && job.owner === 'workbench' && job.state !== 'running') {
      // It waits, or was paused by an earlier process: its place is given up.
      await queue.remove(job.job);
      return summaryOf(run);
    }
    const control = controlOf(run, 'stopped');
    const { going } = queue;
    control.stop({ save });
    await going?.finished;
    return summaryOf(run);
  };

  const goOn = async (name: string): Promise<RunSummary> => {
    const entry = await registry.refreshOne(registry.get(name).name);
    const state = entry.record!.state;
    if (entry.heldElsewhere) throw new UserError(`${name} is in use by another process: stop it there first.`);
    if (state === 'finished') throw new UserError(`${name} is finished: clone it to train longer.`);
    if (jobOf(entry)) throw new UserError(`${name} is in the queue already.`);
    const checkpoints = await listCheckpoints(join(entry.folder, 'checkpoints')).catch(() => []);
    if (checkpoints.length === 0 && entry.record!.step > 0) {
      throw new UserError(`${name} has no checkpoint to go on from: clone it to begin anew.`);
    }
    const { recipe, sizes, step } = entry.record!;
    const epochs = Math.ceil(sizes.steps / sizes.stepsPerEpoch);
    const detail = `${modelTitle(recipe)}, goes on from epoch ${Math.floor(step / sizes.stepsPerEpoch)} of ${epochs}`;
    warnings.overForRun(name);
    await queue.add({ run: name, folder: entry.folder, detail, progress: step / sizes.steps });
    return summaryOf(name);
  };

  return {
    handlers: {
      'runs.list': async () => {
        await registry.refresh();
        return { runs: registry.all.map((entry) => desk.summary(entry)) };
      },
      'runs.get': async ({ run }) => runDetail(services, await registry.refreshOne(registry.get(run).name)),
      'runs.checkName': async ({ name }) => ({ problem: await checkName(name) }),
      'runs.start': start,
      'runs.pause': async ({ run }) => {
        const control = controlOf(run, 'paused');
        if (control.isPaused) return summaryOf(run);
        await asked(run, control.pause());
        await queue.setPaused(true);
        desk.tellStatus();
        return summaryOf(run);
      },
      'runs.resume': async ({ run }) => {
        const entry = registry.get(run);
        if (desk.live?.folder === entry.folder && queue.going?.control.isPaused) {
          queue.going.control.resume();
          await queue.setPaused(false);
          desk.tellStatus();
        } else if (!(await queue.unpause(entry.folder))) {
          throw new UserError(`${run} is not paused.`);
        }
        return summaryOf(run);
      },
      'runs.stop': stop,
      'runs.save': ({ run }) => asked(run, controlOf(run, 'saved').save()),
      'runs.continue': ({ run }) => goOn(run),
      'runs.adjust': ({ run, workers }) => {
        if (!controlOf(run, 'changed').setWorkers(workers)) throw new UserError(`${run} is still being prepared: try again in a moment.`);
        desk.carrier.workers = workers;
        warnings.over('slow-data', { run });
        return summaryOf(run);
      },
    },
    topics: {
      runs: () => ({ whole: true, runs: registry.all.map((entry) => desk.summary(entry)), gone: [] }),
    },
  };
}

async function requireRoom(folder: string, recipe: Parameters<typeof networkConfigOf>[0], pictures: number, disk: string): Promise<void> {
  const needed = checkpointBytes(new Network(networkConfigOf(recipe)), pictures) * (recipe.keep_checkpoints + 1);
  const free = await freeBytes(disk);
  if (free >= needed * 1.05) return;
  const decimal = (bytes: number): string => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`);
  throw new UserError(
    `The disk of ${folder} has ${decimal(free)} left and the run needs ${decimal(needed)} for its checkpoints: ` +
      'free some space, or keep fewer checkpoints.',
  );
}
