/** The tables of docs/results.md and of the README. A number that is not there is said to be missing. */
import { headline } from './read-result.mjs';

const MISSING = 'not measured';
const UNKNOWN = 'not known';

const shown = (value, digits, unit = '') => (typeof value === 'number' ? `${value.toFixed(digits)}${unit}` : MISSING);
const counted = (value) => (typeof value === 'number' ? value.toLocaleString('en-GB') : MISSING);
const row = (cells) => `| ${cells.join(' | ')} |`;

/** a − b in points, with its sign. */
function gain(a, b) {
  if (typeof a !== 'number' || typeof b !== 'number') return MISSING;
  const size = Math.abs(a - b).toFixed(1);
  if (Number(size) === 0) return size;
  return `${a > b ? '+' : '−'}${size}`;
}

/** What was measured of the untrained network, of raw pixels, of the trained teacher. */
export function scoreTable({ untrained, pixels, teacher, teacherEpoch, best, inTime, majority }) {
  const knnRow = (k) => {
    const [before, raw, after] = [untrained?.knn?.[k], pixels?.[k], teacher?.knn?.[k]];
    const values = [shown(before, 1, ' %'), shown(raw, 1, ' %'), `**${shown(after, 1, ' %')}**`];
    return row([`k-NN, k = ${k.slice(1)}`, ...values, gain(after, before), gain(after, raw)]);
  };
  const plainRow = (name, key, unit) => {
    const [before, after] = [untrained?.[key], teacher?.[key]];
    return row([name, shown(before, 1, unit), '–', shown(after, 1, unit), gain(after, before), '–']);
  };
  const when = teacherEpoch === null ? 'teacher' : `teacher after epoch ${teacherEpoch}`;
  const remarks = [];
  if (best) remarks.push(`The best k-NN seen during the run was ${shown(best.value, 1, ' %')}, after epoch ${best.epoch}.`);
  if (inTime) {
    const then = `k-NN was ${shown(inTime.value, 1, ' %')} when that was over, after epoch ${inTime.epoch}`;
    remarks.push(`Training took longer than the time asked for: ${then}.`);
  }
  if (majority !== null) {
    remarks.push(`Always naming the most frequent class of these held-out pictures is right for ${shown(majority, 1, ' %')}.`);
  }
  return [
    row(['', 'untrained', 'raw pixels', when, 'gain over untrained', 'gain over raw pixels']),
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    knnRow('k10'),
    knnRow('k20'),
    plainRow('view retrieval', 'retrieval', ' %'),
    plainRow('effective rank of the features', 'rank', ''),
    ...(remarks.length > 0 ? ['', remarks.join(' ')] : []),
  ];
}

/** How the run went, and on what. */
export function factTable({ run, notes, steps, picturesSeen, picturesPerSecond, hours, finalLoss, teacherEntropy }) {
  const { recipe, sizes, data, state } = run;
  const commits = [...new Set((notes.sessions ?? []).map(commitText))];
  const mostEntropy = Math.log(recipe.out_dim).toFixed(2);
  const unfinished = `${state}, after step ${steps} of ${sizes.steps}: the numbers above are not the end`;
  const rows = {
    state: state === 'finished' ? 'finished' : unfinished,
    'hours asked for': notes.hours?.toFixed(2) ?? UNKNOWN,
    'hours taken, with measuring': hours?.toFixed(2) ?? UNKNOWN,
    steps: `${counted(steps)} of ${counted(sizes.steps)}, ${counted(recipe.batch_size)} pictures each`,
    epochs: shown(steps / sizes.stepsPerEpoch, 1),
    'pictures seen': `${counted(picturesSeen)} (with repetition), of ${counted(data.trainingPictures)} to train on`,
    'pictures/s in training': shown(picturesPerSecond, 1),
    'held-out pictures': `${counted(data.heldOutPictures)} in ${counted(data.classes)} classes`,
    model: modelText(recipe, sizes),
    'loss of the last epoch': shown(finalLoss, 3),
    "teacher's entropy, last epoch": `${shown(teacherEntropy, 2)} of at most ${mostEntropy}, ln(out_dim)`,
    device: deviceText(run),
    seed: String(recipe.seed),
    'git commit': commits.join(', ') || UNKNOWN,
  };
  return [row(['of the run', '']), '| --- | --- |', ...Object.entries(rows).map(row)];
}

/** One line per experiment, for the README. */
export function overviewTable(results) {
  const lines = results.map(({ experiment, result }) => {
    const [before, raw, after] = [result.untrained?.knn, result.pixels, result.teacher?.knn].map(headline);
    const name = result.run.state === 'finished' ? experiment.title : `${experiment.title} (not finished)`;
    const values = [shown(before, 1, ' %'), shown(raw, 1, ' %'), `**${shown(after, 1, ' %')}**`];
    return row([name, result.notes.hours?.toFixed(1) ?? UNKNOWN, deviceText(result.run), ...values]);
  });
  const heading = row(['pictures', 'hours', 'device', 'untrained', 'raw pixels', 'trained']);
  return [heading, '| --- | ---: | --- | ---: | ---: | ---: |', ...lines];
}

function commitText({ commit, changed }) {
  if (!commit) return UNKNOWN;
  return `${commit.slice(0, 12)}${changed ? ' with changes' : ''}`;
}

function deviceText({ device: { name, description, software } }) {
  return `${description || name}${software ? ' (software, on the processor)' : ''}`;
}

function modelText(recipe, sizes) {
  const { arch, embed_dim: width, depth, num_heads: heads, patch_size: patch } = recipe;
  const own = [width && `${width} wide`, depth && `${depth} blocks`, heads && `${heads} heads`].filter(Boolean).join(', ');
  const local = recipe.local_crops_number > 0 ? ` and ${recipe.local_crops_number} × ${recipe.local_crops_size} px` : '';
  const crops = `crops ${recipe.global_crops_number} × ${recipe.global_crops_size} px${local}`;
  const millions = Number((sizes.parameters / 1e6).toPrecision(2));
  return `${own || arch}, patch ${patch}, ${crops}, ${millions} million parameters with the head`;
}
