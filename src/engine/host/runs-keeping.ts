/** The area of keeping runs: names, tags, notes, checkpoints, the trash, comparing. */
import { rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors';
import { fileError } from '../formats';
import { listCheckpoints, readPictures } from '../runs';
import type { Params, Result, RunSummary } from '../protocol';
import type { Area } from './host-context';
import { notFound } from './host-error';
import { compareRuns } from './run-detail';
import type { RunEntry } from './run-entry';
import type { HostServices } from './services';
import { deleteFromTrash, emptyOldTrash, listTrash, putInTrash, takeFromTrash } from './trash';

const HOUR_MS = 3_600_000;

export function runsKeepingArea(services: HostServices): Area {
  const { context, desk, tasks, warnings, report } = services;
  const { registry, queue } = desk;
  const { library } = context;

  /** @throws UserError while it is worked on or waits */
  const requireRest = (entry: RunEntry, todo: string): void => {
    if (desk.live?.folder === entry.folder || entry.heldElsewhere) {
      throw new UserError(`${entry.name} is going: stop it before it is ${todo}.`);
    }
  };
  const takeFromQueue = async ({ folder }: RunEntry): Promise<void> => {
    const job = queue.present.jobs.find((each) => each.folder === folder);
    if (job) await queue.remove(job.job);
  };
  const told = (entry: RunEntry): RunSummary => {
    desk.tell([entry]);
    return desk.summary(entry);
  };

  const renameRun = async ({ run, name }: Params<'runs.rename'>): Promise<RunSummary> => {
    const entry = registry.get(run);
    if (name === run) return desk.summary(entry);
    requireRest(entry, 'renamed');
    const isOnlyCase = name.toLowerCase() === run.toLowerCase();
    if (!isOnlyCase && (await registry.isTaken(name))) throw new UserError(`There is a run named ${name} already: choose another name.`);
    const folder = entry.isElsewhere ? entry.folder : join(library.runs, name);
    // One that waits may begin at any moment: its name and its place change within one change of the queue.
    const moved = await queue.rename(entry.folder, { run: name, folder }, async () => {
      if (folder !== entry.folder) {
        await rename(entry.folder, folder).catch((error: unknown) => {
          throw fileError(error, folder);
        });
      }
      return registry.moved(entry, name, folder);
    });
    warnings.renamed(run, name);
    desk.tell([moved], [run]);
    return desk.summary(moved);
  };

  const free = async ({ run, keepSteps, dryRun }: Params<'runs.freeCheckpoints'>): Promise<Result<'runs.freeCheckpoints'>> => {
    const entry = registry.get(run);
    requireRest(entry, 'made smaller');
    const stored = await listCheckpoints(join(entry.folder, 'checkpoints')).catch(() => []);
    const kept = new Set([...keepSteps, stored[0]?.step]);
    const going = stored.filter(({ step }) => !kept.has(step));
    const sizes = await Promise.all(going.map(({ path }) => stat(path).then(({ size }) => size, () => 0)));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    if (!dryRun) {
      for (const { path } of going) await unlink(path).catch(() => undefined);
      told(await registry.refreshOne(run));
    }
    return { checkpoints: going.length, bytes };
  };

  const remove = async ({ runs }: Params<'runs.remove'>): Promise<Result<'runs.remove'>> => {
    const entries = runs.map((run) => registry.get(run));
    for (const entry of entries) requireRest(entry, 'deleted');
    const items: (string | null)[] = [];
    for (const entry of entries) {
      await takeFromQueue(entry);
      items.push(entry.isElsewhere ? null : await putInTrash(library, entry.name, entry.folder));
      await registry.forget(entry.name);
      warnings.overForRun(entry.name);
      desk.tell([], [entry.name]);
    }
    return { items };
  };

  const restore = async ({ items }: Params<'trash.restore'>): Promise<Result<'trash.restore'>> => {
    const known = new Map((await listTrash(library)).map((each) => [each.item, each]));
    if (items.some((item) => !known.has(item))) throw notFound('such item in the trash');
    const runs: RunSummary[] = [];
    for (const item of items) {
      const name = await registry.freeName(known.get(item)!.run);
      await takeFromTrash(library, item, join(library.runs, name));
      runs.push(told(await registry.refreshOne(name)));
    }
    return { runs };
  };

  const empty = async ({ items }: Params<'trash.empty'>): Promise<null> => {
    const known = (await listTrash(library)).map(({ item }) => item);
    const going = items ?? known;
    if (going.some((item) => !known.includes(item))) throw notFound('such item in the trash');
    if (going.length === 0) return null;
    const task = { kind: 'trash', title: 'Emptying the trash', unit: 'runs', total: going.length, cancellable: false } as const;
    const { finished } = tasks.start(task, (progress) => deleteFromTrash(library, going, (done) => progress.report(done)));
    await finished;
    return null;
  };

  const compare = async ({ runs }: Params<'runs.compare'>): Promise<Result<'runs.compare'>> => {
    const entries = runs.map((run) => registry.get(run));
    const panels = await Promise.all(entries.map(async ({ folder }) => (await readPictures(join(folder, 'panels')))?.paths ?? []));
    const roots = new Set(entries.map(({ record }) => record!.data.root));
    // Paths of different folders say nothing about each other.
    const common = roots.size === 1 ? panels[0]!.filter((path) => panels.every((paths) => paths.includes(path))) : [];
    const dataset = desk.datasetOf(entries[0]!)?.id;
    const ids = dataset === undefined ? [] : await context.datasets.find(dataset, common).catch(() => []);
    const pictures = common.map((path, i) => {
      const id = ids[i];
      const picture = dataset !== undefined && id != null ? { dataset, picture: id } : null;
      return { path, picture, places: panels.map((paths) => paths.indexOf(path)) };
    });
    return { ...compareRuns(entries), pictures };
  };

  const cleanUp = (): void => void emptyOldTrash(library).catch(report);
  cleanUp();
  const timer = setInterval(cleanUp, HOUR_MS);
  timer.unref();

  return {
    handlers: {
      'runs.rename': renameRun,
      'runs.tag': async ({ runs, add = [], remove: away = [] }) => {
        const entries = runs.map((run) => registry.get(run));
        const changed: RunSummary[] = [];
        for (const entry of entries) {
          await entry.changeNotes(({ tags }) => ({ tags: [...new Set([...tags, ...add])].filter((tag) => !away.includes(tag)) }));
          changed.push(told(await registry.refreshOne(entry.name)));
        }
        return { runs: changed };
      },
      'runs.setNote': async ({ run, note }) => {
        await registry.get(run).changeNotes(() => ({ note }));
        return told(await registry.refreshOne(run));
      },
      'runs.add': async ({ folder }) => told(await registry.add(folder)),
      'runs.freeCheckpoints': free,
      'runs.remove': remove,
      'runs.compare': compare,
      'trash.list': async () => ({ items: await listTrash(library) }),
      'trash.restore': restore,
      'trash.empty': empty,
    },
    close: () => clearInterval(timer),
  };
}
