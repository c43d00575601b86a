/** docs/results.md, the curves, and the README's part on results: all out of docs/results. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { learningCurve } from './curve.mjs';
import { inRoot, placesOf } from './experiments.mjs';
import { headline, readResult } from './read-result.mjs';
import { factTable, overviewTable, scoreTable } from './tables.mjs';

const PAGE = 'docs/results.md';
const README = 'README.md';
const README_PART = /(<!-- results: written by `npm run results` -->\n)[^]*?(<!-- end of results -->)/;

/** @returns the files that were written */
export async function writePages(experiments) {
  const results = experiments.map((experiment) => {
    const { kept } = placesOf(experiment);
    return { experiment, kept, result: readResult(inRoot(kept)) };
  });
  const written = [];
  const write = (path, text) => {
    mkdirSync(dirname(inRoot(path)), { recursive: true });
    writeFileSync(inRoot(path), text);
    written.push(path);
  };
  for (const { experiment, kept, result } of results) {
    if (result) write(`${kept}/curve.svg`, curveOf(experiment, result));
  }
  write(PAGE, resultsPage(results));
  const readme = existsSync(inRoot(README)) ? readFileSync(inRoot(README), 'utf8') : '';
  const renewed = readme.replace(README_PART, (_all, open, close) => `${open}${readmePart(results)}${close}`);
  if (renewed !== readme) write(README, renewed);
  return written;
}

export function curveOf({ title }, result) {
  const baselines = { untrained: headline(result.untrained?.knn), pixels: headline(result.pixels) };
  return learningCurve({ title: `${title}: k-NN and loss over the epochs`, ...result.curve, baselines });
}

export function resultsPage(results) {
  return [
    '# Results',
    '',
    '<!-- Written by `npm run results` from the files in docs/results; do not edit. -->',
    'What pretraining brings, measured. Every number on this page was read by a script from the files of the runs, which lie',
    'beside it in `docs/results`; nothing was typed. One seed each: how much a result varies from seed to seed was not measured.',
    '',
    'k-NN is the share of held-out pictures (a tenth, never trained on) whose class the weighted vote of the k most similar',
    'training pictures names. *Untrained* is the same network before its first step, *raw pixels* are the pictures themselves at',
    '24 × 24: what there is without any learning. *Gain* is in percentage points (for the rank: in directions).',
    '',
    ...results.flatMap(section),
  ].join('\n');
}

function section({ experiment, kept, result }) {
  const heading = [`## ${experiment.title}`, '', experiment.about, ''];
  if (!result) return [...heading, `Not run yet: \`npm run results -- ${experiment.name}\`.`, ''];
  const folder = kept.replace('docs/', '');
  const { preparation, sessions = [], reasons = [] } = result.notes;
  const commands = [preparation, ...sessions.map(({ command }) => command)].filter(Boolean);
  return [
    ...heading,
    `![k-NN and loss over the epochs](${folder}/curve.svg)`,
    '',
    ...scoreTable(result),
    '',
    ...factTable(result),
    '',
    ...(reasons.length > 0 ? ['What `auto` said:', '', ...reasons.map((reason) => `- ${reason}`), ''] : []),
    'Commands, from the repository’s root:',
    '',
    '```',
    ...commands,
    '```',
    '',
    `Files: ${result.files.map((name) => `[${name}](${folder}/${name})`).join(', ')}.`,
    '',
  ];
}

/** What the README says. */
export function readmePart(results) {
  const measured = results.filter(({ result }) => result && headline(result.teacher?.knn) !== null);
  if (measured.length === 0) return 'Not measured yet: `npm run results` trains on both sets and writes `docs/results.md`.\n';
  const { kept, experiment } = measured[0];
  const curve = `![${experiment.title}: k-NN and loss over the epochs](${kept}/curve.svg)`;
  return [...overviewTable(measured), '', curve, ''].join('\n');
}
