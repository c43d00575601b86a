/** The area of the engine itself: what it is, how it ends, what went on after a crash; warnings; tasks. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, totalmem } from 'node:os';
import { pathToFileURL } from 'node:url';
import { PROTOCOL_VERSION, type Result } from '../protocol';
import { VERSION } from '../version';
import type { Area } from './host-context';
import type { HostServices } from './services';

/** Time for the answer to `engine.shutdown` to leave. */
const ANSWER_MS = 100;

export function engineArea(services: HostServices): Area {
  const { context, warnings, tasks, desk } = services;
  return {
    handlers: {
      'engine.info': () => ({
        protocol: PROTOCOL_VERSION,
        version: VERSION,
        node: process.versions.node,
        webgpu: webgpuVersion(),
        platform: `${process.platform} ${process.arch}`,
        served: context.served,
        processId: process.pid,
        cores: availableParallelism(),
        memoryBytes: totalmem(),
      }),
      'engine.shutdown': async ({ runs }) => {
        await services.close(runs);
        setTimeout(services.exit, ANSWER_MS);
        return null;
      },
      'engine.recover': ({ reason, detail }) => recover(services, reason, detail),
      'engine.licences': async () => ({ markdown: await licences() }),

      'warnings.see': async ({ ids }) => {
        const seen = warnings.see(ids);
        tasks.see();
        await desk.recorded.remember(seen, (run) => desk.registry.find(run)).catch(services.report);
        return null;
      },

      'tasks.cancel': ({ task }) => {
        tasks.cancel(task);
        return null;
      },
    },
    topics: {
      'engine.status': () => desk.status,
      warnings: () => ({ warnings: [...warnings.list] }),
      tasks: () => ({ tasks: [...tasks.list] }),
    },
  };
}

function recover(services: HostServices, reason: string, detail: string | undefined): Result<'engine.recover'> {
  const { desk, warnings } = services;
  const orphan = desk.orphans.find(({ givenUp }) => !givenUp);
  desk.orphans = [];
  const job = orphan?.job;
  const fromStep = orphan?.fromStep ?? 0;
  const stepsAgain = Math.max(0, (orphan?.lastStep ?? fromStep) - fromStep);
  const again = stepsAgain === 0 ? '' : `; ${stepsAgain.toLocaleString('en')} steps are computed again`;
  warnings.raise({
    code: 'engine-restarted',
    severity: 'warning',
    title: 'The engine ended and was started anew.',
    message: job ? `${job.run} goes on from step ${fromStep.toLocaleString('en')}${again}. ${reason}` : reason,
    ...(detail === undefined ? {} : { detail }),
    ...(job ? { run: job.run, actions: [{ kind: 'show-run' as const, run: job.run }] } : {}),
  });
  warnings.over('engine-restarted', job ? { run: job.run } : {});
  return job ? { run: job.run, fromStep, stepsAgain } : null;
}

/** Of Dawn's package, which lies beside the program or in the repository. */
function webgpuVersion(): string {
  try {
    const entry = createRequire(import.meta.url).resolve('webgpu');
    const { version } = JSON.parse(readFileSync(new URL('package.json', pathToFileURL(entry)), 'utf8')) as { version?: string };
    return version ?? 'unknown';
  } catch {
    return 'unknown';
  }
}

async function licences(): Promise<string> {
  for (const place of ['../../docs/licences.md', '../../../docs/licences.md', './licences.md']) {
    const text = await readFile(new URL(place, import.meta.url), 'utf8').catch(() => undefined);
    if (text !== undefined) return text;
  }
  return 'The list of licences was not packed with this program.\n';
}
