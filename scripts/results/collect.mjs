/**
 * Copies what a run measured into the repository, as it is: metrics.jsonl (packed where it is over 1 MB), baselines.json, and
 * run.json with paths that say nothing about this machine. docs/results.md is made from these copies alone.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { root } from '../set-up.mjs';
import { inRoot, placesOf } from './experiments.mjs';

const PACKED_FROM = 1e6;

/** Leaves what is kept already where there is no run to copy from, as in a fresh clone. */
export async function collect(experiment) {
  const places = placesOf(experiment);
  const from = (name) => inRoot(`${places.run}/${name}`);
  const to = (name) => inRoot(`${places.kept}/${name}`);
  if (!existsSync(from('run.json'))) return;
  mkdirSync(inRoot(places.kept), { recursive: true });
  const write = (name, value) => writeFileSync(to(name), `${JSON.stringify(withoutRoot(value), null, 2)}\n`);
  const read = (path) => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined);

  write('run.json', read(from('run.json')));
  const notes = read(inRoot(places.notes)) ?? { name: experiment.name, sessions: [], reasons: [] };
  write('experiment.json', { ...notes, classSizes: classSizes(from('manifest.jsonl')) });
  const baselines = read(from('baselines.json'));
  if (baselines) write('baselines.json', baselines);
  if (existsSync(from('metrics.jsonl'))) {
    for (const name of ['metrics.jsonl', 'metrics.jsonl.gz']) rmSync(to(name), { force: true });
    const metrics = readFileSync(from('metrics.jsonl'));
    if (statSync(from('metrics.jsonl')).size <= PACKED_FROM) writeFileSync(to('metrics.jsonl'), metrics);
    else writeFileSync(to('metrics.jsonl.gz'), gzipSync(metrics, { level: 9 }));
  }
}

/** Held-out pictures per class, to know what always naming the most frequent class would score. */
function classSizes(manifest) {
  if (!existsSync(manifest)) return null;
  const [, ...lines] = readFileSync(manifest, 'utf8').split('\n').filter(Boolean);
  const sizes = {};
  for (const line of lines) {
    const { label, split } = JSON.parse(line);
    if (label !== null && split === 'held-out') sizes[label] = (sizes[label] ?? 0) + 1;
  }
  return sizes;
}

/** The same value with the repository's folder taken out of its texts. */
function withoutRoot(value) {
  if (typeof value === 'string') return value === root ? '.' : value.replaceAll(`${root}/`, '').replaceAll(`${root}\\`, '');
  if (Array.isArray(value)) return value.map(withoutRoot);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withoutRoot(each)]));
}
