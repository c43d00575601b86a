/** The area of datasets by itself, as the host serves it. */
import { afterEach, expect } from 'vitest';
import { datasetsArea } from '../../../src/engine/host/datasets';
import type { Area, HostContext, RunsAtWork } from '../../../src/engine/host/host-context';
import { noDatasets, noRecipes } from '../../../src/engine/host/not-served';
import { TaskList } from '../../../src/engine/host/task-list';
import { WarningList } from '../../../src/engine/host/warning-list';
import { openLibrary } from '../../../src/engine/jobs';
import { methods, type MethodName, type Params, type Result } from '../../../src/engine/protocol';
import { decodeWorkerEntry } from '../../support/decode-worker';
import { temporaryFolder } from '../../support/temporary-folder';
import { twoClasses } from '../data-index/folders';

export interface Served {
  readonly context: HostContext;
  readonly defects: unknown[];
  call<M extends MethodName>(method: M, params: Params<M>): Promise<Result<M>>;
  /** Until no task goes on. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

const open: Served[] = [];
afterEach(async () => {
  for (const served of open.splice(0)) await served.close();
});

/** Ends the one that was served last, as the engine does when it ends. */
export const endLast = async (): Promise<void> => open.pop()?.close();

/** The area alone, as the host serves it: params and results are checked against the contract. */
export async function serve(folder = temporaryFolder()): Promise<Served> {
  const defects: unknown[] = [];
  const tasks = new TaskList(
    () => undefined,
    (error) => defects.push(error),
  );
  const runs: RunsAtWork = {
    running: undefined,
    endsAt: () => null,
    usesDataset: () => false,
    madeFrom: () => undefined,
    folderOf: () => '',
    isTaken: () => Promise.resolve(false),
  };
  const context = {
    library: await openLibrary(folder),
    version: '0',
    served: false,
    settings: { current: { device: null, screenMemoryBytes: 0, deviceMemoryBytes: null, workers: 1, whileLooking: 'share' } },
    device: undefined as never,
    tasks,
    warnings: new WarningList(() => undefined),
    emit: () => undefined,
    workerEntry: await decodeWorkerEntry(),
    datasets: noDatasets,
    recipes: noRecipes,
    runs,
  } satisfies HostContext;
  const area: Area = await datasetsArea(context);
  const served: Served = {
    context,
    defects,
    async call(method, params) {
      const checked = methods[method].params.parse(params);
      const handler = area.handlers[method] as (params: unknown, context: { signal: AbortSignal }) => unknown;
      const value = await handler(checked, { signal: new AbortController().signal });
      return methods[method].result.parse(value) as Result<typeof method>;
    },
    async idle() {
      const isGoing = (): boolean => tasks.list.some(({ state }) => state === 'running' || state === 'waiting');
      while (isGoing()) await new Promise((resolve) => setTimeout(resolve, 10));
      expect(defects).toEqual([]);
    },
    async close() {
      await tasks.close();
      await area.close?.();
    },
  };
  open.push(served);
  return served;
}

export async function withTwoClasses(): Promise<{ served: Served; dataset: string; folder: string }> {
  const folder = await twoClasses();
  const served = await serve();
  const added = await served.call('datasets.add', { folder });
  expect(added.existed).toBe(false);
  await served.idle();
  return { served, dataset: added.dataset.dataset, folder };
}
