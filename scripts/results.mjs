/**
 * `npm run results [-- NAME … --hours H --device NAME --report]`: trains on the pictures of each experiment and writes what
 * came out to docs/results.md. It can be stopped (Ctrl-C) and started again: what is finished is skipped, what was stopped goes
 * on from its last checkpoint. With --report nothing is trained, only the page is written anew.
 */
import { parseArgs } from 'node:util';
import { listenForStop } from './results/commands.mjs';
import { experiments } from './results/experiments.mjs';
import { collect } from './results/collect.mjs';
import { writePages } from './results/pages.mjs';
import { runExperiment } from './results/run-experiment.mjs';
import { runScript, SetUpError } from './set-up.mjs';

await runScript(async () => {
  const { names, hours, device, report } = readWords();
  const chosen = experiments.filter(({ name }) => names.length === 0 || names.includes(name));
  const stop = listenForStop();
  let status = 0;
  for (const experiment of chosen) {
    const end = report ? 'untouched' : await runExperiment(experiment, { hours, device, stop });
    await collect(experiment);
    if (end === 'failed') status = 1;
    if (end !== 'stopped') continue;
    process.stderr.write(`To go on: npm run results${names.length > 0 ? ` -- ${names.join(' ')}` : ''}\n`);
    status = 130;
    break;
  }
  for (const page of await writePages(experiments)) process.stderr.write(`Wrote ${page}\n`);
  return status;
});

function readWords() {
  let words;
  try {
    words = parseArgs({
      allowPositionals: true,
      options: { hours: { type: 'string' }, device: { type: 'string' }, report: { type: 'boolean', default: false } },
    });
  } catch (error) {
    const usage = 'npm run results -- [NAME …] [--hours H] [--device NAME] [--report]';
    throw new SetUpError(`${error.message.split('. ')[0]}. Usage: ${usage}`);
  }
  const known = experiments.map(({ name }) => name);
  const unknown = words.positionals.find((name) => !known.includes(name));
  if (unknown) throw new SetUpError(`There is no experiment ${unknown}: choose from ${known.join(', ')}.`);
  const hours = Number(words.values.hours ?? 1);
  if (!(hours > 0 && hours < Infinity)) throw new SetUpError('--hours needs a number above 0.');
  return { names: words.positionals, hours, device: words.values.device, report: words.values.report };
}
