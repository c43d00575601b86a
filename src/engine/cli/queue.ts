import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { UserError } from '../errors';
import { isHeld, libraryFolders, QueueFile, type StoredQueue } from '../jobs';
import { duration } from './quantities';
import { USUAL_LIBRARY_HELP, usualLibrary } from './usual-library';

interface QueueFlags {
  library?: string;
  hold?: boolean;
  release?: boolean;
  json?: boolean;
}

/** `ibot queue`: what runs on a library's device, and what waits for it. */
export function registerQueue(program: Command): void {
  program
    .command('queue')
    .description("list a library's queue: what is trained, what waits for the device")
    .option('--library <folder>', `the library's folder ${USUAL_LIBRARY_HELP}`)
    .option('--hold', 'begin nothing new after what is going')
    .option('--release', 'end of --hold')
    .option('--json', 'write one JSON object for other programs')
    .action(async ({ library = usualLibrary(), hold, release, json }: QueueFlags) => {
      const folders = libraryFolders(library);
      if (!(await stat(folders.marker).catch(() => undefined))) {
        throw new UserError(`${resolve(library)} is not a library: give the folder that the workbench shows, with --library.`);
      }
      if (hold && release) throw new UserError('Give --hold or --release, not both.');
      const file = new QueueFile(folders.queue);
      if (hold || release) {
        await file.change((queue) => {
          queue.held = hold === true;
        });
      }
      const queue = await file.read();
      const jobs = queue.jobs.filter((job) => job.owner === 'workbench' || isHeld(job));
      if (json) {
        const shown = jobs.map(({ holder, ...job }) => ({ ...job, processId: holder?.pid ?? null }));
        console.log(JSON.stringify({ held: queue.held, jobs: shown }, null, 2));
      } else console.log(describe({ ...queue, jobs }).join('\n'));
    });
}

function describe({ jobs, held }: StoredQueue): string[] {
  if (jobs.length === 0) return [held ? 'The queue is empty, and held.' : 'The queue is empty.'];
  const lines = jobs.map((job, i) => {
    const left = job.secondsLeft === null ? '' : `, ${duration(job.secondsLeft)} left`;
    const progress = job.state === 'waiting' && job.progress === 0 ? '' : ` ${Math.round(100 * job.progress)} %${left}`;
    // A workbench that ended takes its run up again when it is opened.
    const state = job.state === 'running' && !isHeld(job) ? 'interrupted' : job.state;
    const owner = job.owner === 'command-line' ? ` (command line, process ${job.holder?.pid})` : '';
    return `${i + 1}  ${state.padEnd(11)} ${job.run}${progress}${owner}\n   ${job.detail}`;
  });
  return held ? [...lines, 'The queue is held: nothing new begins. End of it: ibot queue --release'] : lines;
}
