/**
 * `npm run performance [-- start grid monitor training]`: measures how fast the window is and what it costs the engine, prints it,
 * and writes it to docs/performance.md. On a machine that does nothing else; twenty minutes for all parts on two cores.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release } from 'node:os';
import { join } from 'node:path';
import { root, runScript, setUp, SetUpError } from './set-up.mjs';
import { importTypeScript } from './typescript.mjs';

const page = join(root, 'docs', 'performance.md');

await runScript(async () => {
  Object.assign(process.env, await setUp(['driver', 'engine', 'desktop']));
  const { measure, partNames } = await importTypeScript('test/app/tools/performance.ts');
  const wanted = process.argv.slice(2);
  const unknown = wanted.find((name) => !partNames.includes(name));
  if (unknown) throw new SetUpError(`There is no part ${unknown}: choose from ${partNames.join(', ')}.`);
  await measure(wanted.length > 0 ? wanted : partNames, (name, rows) => {
    for (const { what, value } of rows) process.stdout.write(`${what}: ${value}\n`);
    write(name, rows);
  });
  return 0;
});

/** Between the marks of this part, which stay. */
function write(name, rows) {
  const [begin, end] = [`<!-- ${name}: written by npm run performance -- ${name} -->`, `<!-- end of ${name} -->`];
  const text = readFileSync(page, 'utf8');
  const [before, after] = [text.split(begin)[0], text.split(end)[1]];
  if (after === undefined) throw new SetUpError(`docs/performance.md has no place for ${name} (${begin} … ${end}).`);
  const table = ['| what | measured | should be |', '| --- | --- | --- |', ...rows.map(({ what, value, limit }) => `| ${what} | ${value} | ${limit ?? ''} |`)];
  writeFileSync(page, `${before}${begin}\n${table.join('\n')}\n\n${circumstances()}\n${end}${after}`);
}

function circumstances() {
  const [{ model }] = cpus();
  const day = new Date().toISOString().slice(0, 10);
  return `${day}; ${availableParallelism()} cores (${model.trim()}), ${process.platform} ${release()}, Node ${process.versions.node}.`;
}
