/**
 * Kernels of the distillation loss. A workgroup takes one row of logits (`out_dim` columns): each thread a share of the
 * columns, then a tree in workgroup memory, so every sum has a fixed order. On a software device the workgroup is one
 * subgroup of 8, where barriers are almost free; on a GPU it grows with the row.
 */
import { SPREAD_INDEX, type Kernel } from '../graph';

/** Where values stand in the scalars tensor; `encodeLossScalars` writes it. */
export const SCALAR = {
  studentTemp: 0,
  teacherTemp: 1,
  teacherPatchTemp: 2,
  lambda1: 3,
  lambda2: 4,
  gradientScale: 5,
  centreMomentum: 6,
  centreMomentum2: 7,
} as const;

/** Where values stand in the metrics tensor. */
export const METRIC = {
  loss: 0,
  cls: 1,
  patch: 2,
  teacherEntropy: 3,
  meanTeacherEntropy: 4,
  teacherPatchEntropy: 5,
  meanTeacherPatchEntropy: 6,
  accuracy: 7,
  maskedRows: 8,
  /** Written by `koleo`, where it is used. */
  koleo: 9,
} as const;
export const METRICS_LENGTH = 16;

/** What decides a row kernel's text. */
export interface LossForm {
  /** Threads per row. */
  width: number;
  vec4: boolean;
}

export type LossKind = 'cls' | 'patch';

const keyOf = (name: string, form: LossForm, kind: LossKind | ''): string =>
  `distillation/${name}/${kind}/${form.width}-${form.vec4 ? 'vec4' : 'scalar'}`;

const element = (form: LossForm): string => (form.vec4 ? 'vec4f' : 'f32');

/** WGSL: `V`, sums and maxima within it, and the two reductions over the workgroup. */
const declarations = ({ width, vec4 }: LossForm): string => `
alias V = ${vec4 ? 'vec4f' : 'f32'};
alias U = ${vec4 ? 'vec4u' : 'u32'};
fn total(v: V) -> f32 { return ${vec4 ? '(v.x + v.y) + (v.z + v.w)' : 'v'}; }
fn top(v: V) -> f32 { return ${vec4 ? 'max(max(v.x, v.y), max(v.z, v.w))' : 'v'}; }

/** Softmax statistics of some columns: the maximum, the sum of exp(x - maximum); and the arg max of the raw logits. */
struct Peak { maximum: f32, sum: f32, best: f32, place: u32 }
var<workgroup> peaks: array<Peak, ${width}>;
fn better(a: Peak, b: Peak) -> bool { return b.best > a.best || (b.best == a.best && b.place < a.place); }
fn merge(a: Peak, b: Peak) -> Peak {
  let m = max(a.maximum, b.maximum);
  let later = better(a, b);
  return Peak(m, a.sum * exp(a.maximum - m) + b.sum * exp(b.maximum - m),
    select(a.best, b.best, later), select(a.place, b.place, later));
}
fn peak_of_row(lane: u32, own: Peak) -> Peak {
  peaks[lane] = own;
  workgroupBarrier();
  for (var step = ${width / 2}u; step > 0u; step = step / 2u) {
    if (lane < step) { peaks[lane] = merge(peaks[lane], peaks[lane + step]); }
    workgroupBarrier();
  }
  return peaks[0];
}
/** The arg max of a thread's columns from the best of each component. */
fn own_peak(maximum: f32, sum: f32, best: V, place: U) -> Peak {
  ${
    vec4
      ? `var peak = Peak(maximum, sum, best.x, place.x * 4u);
  for (var j = 1u; j < 4u; j++) {
    let other = Peak(0.0, 0.0, best[j], place[j] * 4u + j);
    if (better(peak, other)) { peak.best = other.best; peak.place = other.place; }
  }
  return peak;`
      : 'return Peak(maximum, sum, best, place);'
  }
}

var<workgroup> sums: array<f32, ${width}>;
fn sum_of_row(lane: u32, own: f32) -> f32 {
  sums[lane] = own;
  workgroupBarrier();
  for (var step = ${width / 2}u; step > 0u; step = step / 2u) {
    if (lane < step) { sums[lane] += sums[lane + step]; }
    workgroupBarrier();
  }
  return sums[0];
}`;

/**
 * WGSL: which row of the whole block (`place`) this workgroup's row of the chunk is. A chunk holds `p.chunk` samples
 * from `p.first` on, for every crop. Rows past the end or the count have no columns; they still meet every barrier.
 */
const standing = (kind: LossKind): string => `
  let row = ${SPREAD_INDEX};
  let place = row / p.chunk * p.batch + p.first + row % p.chunk;
  let columns = select(0u, p.columns, row < p.rows${kind === 'patch' ? ' && place < count[0]' : ''});
  let at = row * p.columns;`;

/** WGSL: first pass over a row, x from the raw value `raw`. */
const statistics = (width: number, kind: LossKind, x: string): string => `
  var maximum = -3.0e38;
  var sum = 0.0;
  var best = V(-3.0e38);
  var index = U();
  for (var c = lane; c < columns; c += ${width}u) {
    let raw = logits[at + c];
    let x = ${x};
    let m = max(maximum, top(x));
    sum = sum * exp(maximum - m) + total(exp(x - V(m)));
    maximum = m;
    ${
      kind === 'cls'
        ? `let more = raw > best;
    best = select(best, raw, more);
    index = select(index, U(c), more);`
        : ''
    }
  }
  let peak = peak_of_row(lane, own_peak(maximum, sum, best, index));`;

/**
 * Teacher: logits become p = softmax((t − centre) / τ) in place. Per row the entropy −Σ p log p (nats) and, for [CLS],
 * the arg max of the raw logits.
 */
export const teacherKernel = (form: LossForm, kind: LossKind): Kernel => ({
  key: keyOf('teacher', form, kind),
  bindings: [
    `logits: ${element(form)}`,
    `centre: ${element(form)}`,
    'scalars: f32',
    'results: f32',
    kind === 'cls' ? 'predicted: u32' : 'count: u32',
  ],
  params: ['rows', 'columns', 'chunk', 'batch', 'first', 'entropyOffset'],
  workgroup: [form.width, 1, 1],
  declarations: declarations(form),
  main: `${standing(kind)}
  let inverse = 1.0 / scalars[${kind === 'cls' ? SCALAR.teacherTemp : SCALAR.teacherPatchTemp}];
  ${statistics(form.width, kind, '(raw - centre[c]) * inverse')}
  let norm = 1.0 / peak.sum;
  var spent = 0.0;
  for (var c = lane; c < columns; c += ${form.width}u) {
    let x = (logits[at + c] - centre[c]) * inverse - V(peak.maximum);
    let probability = exp(x) * norm;
    spent += total(probability * x);
    logits[at + c] = probability;
  }
  let expectation = sum_of_row(lane, spent);
  if (lane == 0u && columns > 0u) {
    results[p.entropyOffset + place] = log(peak.sum) - expectation;
    ${kind === 'cls' ? 'predicted[place] = peak.place;' : ''}
  }`,
});

/**
 * Student: the cross-entropies −Σ p_q log softmax(s / τ) of a row with its teacher rows, and in place of the logits
 * their gradient (n·softmax(s / τ) − Σ_q p_q) / τ × factor, n the number of teacher rows q.
 * [CLS]: the teacher's rows of the same sample from every other crop; patches: the teacher's row of the same patch.
 */
export const studentKernel = (form: LossForm, kind: LossKind): Kernel => ({
  key: keyOf('student', form, kind),
  bindings: [
    `logits: ${element(form)}`,
    `teacher: ${element(form)}`,
    'scalars: f32',
    'results: f32',
    ...(kind === 'cls' ? ['predicted: u32'] : ['weights: f32', 'count: u32']),
  ],
  params: ['rows', 'columns', 'chunk', 'batch', 'first', 'globalCrops', 'lossOffset', 'share: f32'],
  workgroup: [form.width, 1, 1],
  declarations: declarations(form),
  main: `${standing(kind)}
  let inverse = 1.0 / scalars[${SCALAR.studentTemp}];
  ${statistics(form.width, kind, 'raw * inverse')}
  let norm = 1.0 / peak.sum;
  let logSum = log(peak.sum);
  ${
    kind === 'cls'
      ? `let crop = row / p.chunk;
  let terms = f32(p.globalCrops) - select(0.0, 1.0, crop < p.globalCrops);
  let weight = 1.0;`
      : `let terms = 1.0;
  let weight = weights[min(place, p.batch - 1u)];`
  }
  let factor = scalars[${kind === 'cls' ? SCALAR.lambda1 : SCALAR.lambda2}] * scalars[${SCALAR.gradientScale}] * p.share
    * weight * inverse;
  var gained = 0.0;
  for (var c = lane; c < columns; c += ${form.width}u) {
    let x = logits[at + c] * inverse - V(peak.maximum);
    ${
      kind === 'cls'
        ? `var wanted = V();
    for (var q = 0u; q < p.globalCrops; q++) {
      if (q != crop) { wanted += teacher[(q * p.chunk + row % p.chunk) * p.columns + c]; }
    }`
        : 'let wanted = teacher[at + c];'
    }
    gained += total(wanted * (x - V(logSum)));
    logits[at + c] = (exp(x) * (norm * terms) - wanted) * factor;
  }
  let likelihood = sum_of_row(lane, gained);
  if (lane == 0u && columns > 0u) {
    results[p.lossOffset + place] = -likelihood * weight;
    ${kind === 'cls' ? 'predicted[place] = peak.place;' : ''}
  }`,
});

/** Adds the rows of a chunk of teacher probabilities up by column (`add` 0: starts anew). */
export const columnSumKernel = (rowLanes: number, vec4: boolean, kind: LossKind): Kernel => ({
  key: `distillation/column-sum/${kind}/${rowLanes}-${vec4 ? 'vec4' : 'scalar'}`,
  bindings: [`x: ${vec4 ? 'vec4f' : 'f32'}`, `sums: ${vec4 ? 'vec4f' : 'f32'}`, ...(kind === 'patch' ? ['count: u32'] : [])],
  params: ['rows', 'columns', 'first', 'add'],
  workgroup: [16, rowLanes, 1],
  declarations: `alias V = ${vec4 ? 'vec4f' : 'f32'};
var<workgroup> parts: array<V, ${16 * rowLanes}>;`,
  main: `
  let column = ${SPREAD_INDEX} * 16u + local.x;
  let rows = ${kind === 'patch' ? 'min(p.rows, count[0] - min(count[0], p.first))' : 'p.rows'};
  var sum = V();
  if (column < p.columns) {
    for (var row = local.y; row < rows; row += ${rowLanes}u) { sum += x[row * p.columns + column]; }
  }
  parts[lane] = sum;
  workgroupBarrier();
  if (local.y == 0u && column < p.columns) {
    for (var i = 1u; i < ${rowLanes}u; i++) { sum += parts[i * 16u + local.x]; }
    if (p.add == 1u) { sum += sums[column]; }
    sums[column] = sum;
  }`,
});

/** Rows of a chunk of samples out of all crops, packed (or back, 'scatter'). */
export const chunkRowsKernel = (direction: 'gather' | 'scatter'): Kernel => ({
  key: `distillation/${direction}-rows`,
  bindings: ['whole: f32', 'packed: f32'],
  params: ['size', 'columns', 'chunk', 'batch', 'first'],
  workgroup: [64, 1, 1],
  main: `
  let begin = (${SPREAD_INDEX} * 64u + lane) * 4u;
  for (var i = begin; i < min(begin + 4u, p.size); i++) {
    let row = i / p.columns;
    let there = (row / p.chunk * p.batch + p.first + row % p.chunk) * p.columns + i % p.columns;
    ${direction === 'gather' ? 'packed[i] = whole[there];' : 'whole[there] = packed[i];'}
  }`,
});

/** Zeros from row `count` on (or everywhere), starting at an offset. */
export const zeroRowsKernel = (counted: boolean): Kernel => ({
  key: `distillation/zero-rows${counted ? '/counted' : ''}`,
  bindings: ['x: f32', ...(counted ? ['count: u32'] : [])],
  params: ['size', 'columns', 'offset'],
  workgroup: [64, 1, 1],
  main: `
  let begin = max((${SPREAD_INDEX} * 64u + lane) * 16u, ${counted ? 'min(count[0] * p.columns, p.size)' : '0u'});
  let end = min((${SPREAD_INDEX} * 64u + lane) * 16u + 16u, p.size);
  for (var i = begin; i < end; i++) { x[p.offset + i] = 0.0; }`,
});

/** Turns rows' losses and entropies into the metrics; one workgroup. */
export const metricsKernel = (width: number, patches: boolean): Kernel => ({
  key: `distillation/metrics/${width}${patches ? '/patches' : ''}`,
  bindings: [
    'results: f32',
    'clsMeans: f32',
    'teacherPredicted: u32',
    'studentPredicted: u32',
    'scalars: f32',
    'metrics: f32',
    ...(patches ? ['patchMeans: f32', 'count: u32'] : []),
  ],
  params: [
    ...['batch', 'studentRows', 'teacherRows', 'capacity', 'outDim', 'patchOutDim', 'crop1'],
    ...['clsShare: f32', 'patchShare: f32'],
  ],
  workgroup: [width, 1, 1],
  declarations: `
var<workgroup> sums: array<f32, ${width}>;
fn sum_up(lane: u32, own: f32) -> f32 {
  workgroupBarrier();
  sums[lane] = own;
  workgroupBarrier();
  for (var step = ${width / 2}u; step > 0u; step = step / 2u) {
    if (lane < step) { sums[lane] += sums[lane + step]; }
    workgroupBarrier();
  }
  return sums[0];
}
fn part(lane: u32, begin: u32, length: u32) -> f32 {
  var sum = 0.0;
  for (var i = lane; i < length; i += ${width}u) { sum += results[begin + i]; }
  return sum;
}
fn spent(probability: f32) -> f32 { return select(0.0, -probability * log(probability), probability > 0.0); }`,
  main: `
  let cls = sum_up(lane, part(lane, 0u, p.studentRows)) * p.clsShare * scalars[${SCALAR.lambda1}];
  let entropy = sum_up(lane, part(lane, p.studentRows, p.teacherRows)) / f32(p.teacherRows);
  var own = 0.0;
  for (var c = lane; c < p.outDim; c += ${width}u) { own += spent(clsMeans[c] / f32(p.teacherRows)); }
  let meanEntropy = sum_up(lane, own);
  var same = 0.0;
  for (var i = lane; i < p.batch; i += ${width}u) {
    same += select(0.0, 1.0, teacherPredicted[i] == studentPredicted[p.crop1 + i]);
  }
  let accuracy = sum_up(lane, same) / f32(p.batch);
  ${
    patches
      ? `let rows = min(count[0], p.capacity);
  let begin = p.studentRows + p.teacherRows;
  let patchLoss = sum_up(lane, part(lane, begin, rows)) * p.patchShare * scalars[${SCALAR.lambda2}];
  let patchEntropy = sum_up(lane, part(lane, begin + p.capacity, rows)) / f32(max(rows, 1u));
  own = 0.0;
  for (var c = lane; c < p.patchOutDim; c += ${width}u) { own += spent(patchMeans[c] / f32(max(rows, 1u))); }
  let meanPatchEntropy = sum_up(lane, own);`
      : `let rows = 0u;
  let patchLoss = 0.0;
  let patchEntropy = 0.0;
  let meanPatchEntropy = 0.0;`
  }
  if (lane == 0u) {
    let scale = scalars[${SCALAR.gradientScale}];
    for (var i = 0u; i < ${METRICS_LENGTH}u; i++) { metrics[i] = 0.0; }
    metrics[${METRIC.loss}] = (cls + patchLoss) * scale;
    metrics[${METRIC.cls}] = cls * scale;
    metrics[${METRIC.patch}] = patchLoss * scale;
    metrics[${METRIC.teacherEntropy}] = entropy * scale;
    metrics[${METRIC.meanTeacherEntropy}] = meanEntropy * scale;
    metrics[${METRIC.teacherPatchEntropy}] = patchEntropy * scale;
    metrics[${METRIC.meanTeacherPatchEntropy}] = meanPatchEntropy * scale;
    metrics[${METRIC.accuracy}] = accuracy * scale;
    metrics[${METRIC.maskedRows}] = f32(rows);
  }`,
});
