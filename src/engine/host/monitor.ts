/** The area of watching runs: progress, curves, pictures through time, the log. */
import { join } from 'node:path';
import type { Result, TopicName } from '../protocol';
import { panelSteps, readBasis, readPanel, readPanelHead, readPictures, type PanelPictures } from '../runs';
import type { Area } from './host-context';
import { HostError } from './host-error';
import { bucketSteps, epochColumns } from './metric-buckets';
import type { RunEntry } from './run-entry';
import { frameOf, progressOf } from './run-progress';
import { RunWatcher, waitedShare } from './run-watcher';
import type { HostServices } from './services';

const LOOK_MS = 250;
/** Runs whose metrics are kept in memory beside those that are looked at. */
const MOST_KEPT = 4;
const WAITED_SECONDS = 600;
const TOPICS = ['run.progress', 'run.steps', 'run.epochs', 'run.panel', 'run.log'] as const satisfies readonly TopicName[];

export function monitorArea(services: HostServices): Area {
  const { context, desk, hub, report } = services;
  const { registry } = desk;
  /** The one that was asked for last is last. */
  const watchers = new Map<RunEntry, Promise<RunWatcher>>();

  const watcherOf = (entry: RunEntry): Promise<RunWatcher> => {
    const known = watchers.get(entry);
    watchers.delete(entry);
    const watcher = known ?? RunWatcher.open(entry);
    watchers.set(entry, watcher);
    watcher.catch(() => watchers.delete(entry));
    return watcher;
  };
  const watcherOfRun = (run: string): Promise<RunWatcher> => watcherOf(registry.get(run));
  /** With what is on the disk by now. */
  const upToDate = async (run: string): Promise<RunWatcher> => {
    const watcher = await watcherOfRun(run);
    await Promise.all([watcher.columns.catchUp(), watcher.log.catchUp()]);
    return watcher;
  };
  const heard = (): Set<string> => new Set(TOPICS.flatMap((topic) => hub.keysHeard(topic)));

  const progress = async (run: string): Promise<Result<'monitor.progress'>> => {
    const entry = registry.get(run);
    // One that is going here knows by itself.
    const isForeign = entry.heldElsewhere && desk.live?.folder !== entry.folder;
    const waited = isForeign ? waitedShare((await watcherOf(entry)).columns, WAITED_SECONDS) : null;
    return progressOf(desk, entry, waited);
  };

  const toldProgress = new Map<string, string>();
  const tellProgress = async (run: string): Promise<void> => {
    if (!hub.isHeard('run.progress', run)) return;
    const value = await progress(run);
    const { endsAt: _changing, ...rest } = value;
    const text = JSON.stringify(rest);
    if (toldProgress.get(run) !== text) hub.emit('run.progress', run, value);
    toldProgress.set(run, text);
  };
  const telling = new Map<string, Promise<void>>();
  /** One after another, so that what is older never comes last. */
  const tellInTurn = (run: string): Promise<void> => {
    const turn = (telling.get(run) ?? Promise.resolve()).then(() => tellProgress(run)).catch(report);
    telling.set(run, turn);
    return turn;
  };
  desk.carrier.onEvent((run, { event }) => {
    if (event === 'saving' || event === 'checkpoint') void tellInTurn(run);
  });

  const lookAt = async (run: string): Promise<void> => {
    const entry = registry.find(run);
    if (!entry) return;
    await tellInTurn(run);
    const watcher = await watcherOf(entry);
    const { steps, epochs, log, panel } = await watcher.look();
    if (steps) hub.emit('run.steps', run, steps);
    if (epochs) hub.emit('run.epochs', run, epochs);
    if (log) hub.emit('run.log', run, log);
    if (panel) hub.emit('run.panel', run, panel);
  };
  /** Runs that are being looked at: one whose metrics take long to read keeps no other waiting. */
  const looking = new Set<string>();
  const timer = setInterval(() => {
    const runs = heard();
    for (const run of runs) {
      if (looking.has(run)) continue;
      looking.add(run);
      void lookAt(run)
        .catch(report)
        .finally(() => looking.delete(run));
    }
    tidyUp(runs);
  }, LOOK_MS);
  const tidyUp = (runs: ReadonlySet<string>): void => {
    for (const those of [toldProgress, telling]) for (const run of those.keys()) if (!runs.has(run)) those.delete(run);
    const inUse = new Set([...runs].map((run) => registry.find(run)));
    const spare = [...watchers.keys()].filter((entry) => !inUse.has(entry));
    for (const entry of spare.slice(0, Math.max(0, spare.length - MOST_KEPT))) watchers.delete(entry);
  };

  const panels = async (run: string): Promise<Result<'monitor.panels'>> => {
    const entry = registry.get(run);
    const folder = join(entry.folder, 'panels');
    const [pictures, steps, basis] = await Promise.all([readPictures(folder), panelSteps(folder), readBasis(folder)]);
    const heads = await Promise.all(steps.map((step) => readPanelHead(folder, step)));
    const dataset = desk.datasetOf(entry)?.id;
    const paths = pictures?.paths ?? [];
    const ids = dataset === undefined ? [] : await context.datasets.find(dataset, paths).catch(() => []);
    return {
      pictures: paths.map((path, i) => {
        const id = ids[i];
        const picture = dataset !== undefined && id != null ? { dataset, picture: id } : null;
        return { path, picture, image: imageOf(pictures!, i) };
      }),
      panels: heads.filter((head) => head !== undefined),
      basis: basis?.step ?? null,
    };
  };

  const panelOf = async (run: string, step: number): Promise<Result<'monitor.panel'>> => {
    const folder = join(registry.get(run).folder, 'panels');
    const [basis, pictures] = await Promise.all([readBasis(folder), readPictures(folder)]);
    const panel = basis && (await readPanel(folder, step, basis));
    if (!panel || !pictures) throw new HostError('not-found', `There are no pictures of step ${step.toLocaleString('en')}.`);
    const side = pictures.size / pictures.patchSize;
    const { epoch, at, attention, colours } = panel;
    return {
      step,
      epoch,
      at,
      basis: basis.step,
      pictures: attention.map((values, i) => ({
        attention: { rows: side, columns: side, values },
        colours: { width: side, height: side, rgba: colours[i]! },
      })),
    };
  };

  const strip = async (run: string, place: number, steps: readonly number[]): Promise<Result<'monitor.strip'>> => {
    const folder = join(registry.get(run).folder, 'panels');
    // Once for the whole strip: a run that is going may take another meanwhile.
    const [basis, pictures] = await Promise.all([readBasis(folder), readPictures(folder)]);
    const frames: Result<'monitor.strip'>['frames'] = [];
    if (!basis || !pictures) return { basis: null, frames };
    const side = pictures.size / pictures.patchSize;
    for (const step of steps) {
      const panel = await readPanel(folder, step, basis, place);
      const rgba = panel?.colours[place];
      if (panel && rgba) frames.push({ step, epoch: panel.epoch, at: panel.at, colours: { width: side, height: side, rgba } });
    }
    return { basis: basis.step, frames };
  };

  const stepsPerEpoch = (run: string): number => registry.get(run).record!.sizes.stepsPerEpoch;

  return {
    handlers: {
      'monitor.progress': ({ run }) => progress(run),
      'monitor.frame': ({ run, points }) => frameOf(registry.get(run), points),
      'monitor.steps': async ({ run, ...wanted }) => bucketSteps((await upToDate(run)).columns, stepsPerEpoch(run), wanted),
      'monitor.epochs': async ({ run }) => epochColumns((await upToDate(run)).columns.epochs, stepsPerEpoch(run)),
      'monitor.panels': ({ run }) => panels(run),
      'monitor.panel': ({ run, step }) => panelOf(run, step),
      'monitor.strip': ({ run, place, steps }) => strip(run, place, steps),
      'monitor.log': async ({ run, from, count }) => {
        const { lines } = (await upToDate(run)).log;
        return { total: lines.length, lines: lines.slice(from, from + count) };
      },
    },
    topics: {
      'run.progress': (run) => progress(run!),
      'run.steps': async (run) => (await watcherOfRun(run!)).noSteps,
      'run.epochs': async (run) => (await watcherOfRun(run!)).noEpochs,
      'run.panel': async (run) => (await watcherOfRun(run!)).lastPanel(),
      'run.log': async (run) => ({ total: (await watcherOfRun(run!)).log.lines.length, lines: [] }),
    },
    close: () => clearInterval(timer),
  };
}

/** Pixels with an alpha of 255. */
function imageOf({ size, rgb }: PanelPictures, place: number): { width: number; height: number; rgba: Uint8Array } {
  const from = rgb[place]!;
  const rgba = new Uint8Array(size * size * 4).fill(255);
  for (let i = 0, at = 0; i < from.length; i += 3, at += 4) rgba.set(from.subarray(i, i + 3), at);
  return { width: size, height: size, rgba };
}
