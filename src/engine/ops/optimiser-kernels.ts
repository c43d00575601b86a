/**
 * Kernels of the optimiser over flat buffers. A job is a stretch of one parameter; a workgroup takes one job. Nothing
 * waits for the host: the middle kernel decides on the device whether the step counts.
 */
import { SPREAD_INDEX, type Kernel } from '../graph';

/** Where values stand in the state tensor (u32). */
export const STATE = {
  /** 1 after the first non-finite gradient or loss; stays. */
  halt: 0,
  /** 1 if the last step was applied. */
  ok: 1,
  /** `step` of the scalars at which it halted. */
  haltedStep: 2,
  /** First entry with a non-finite gradient then, NO_ENTRY if it was the loss alone. */
  haltedEntry: 3,
} as const;
export const STATE_LENGTH = 4;
export const NO_ENTRY = 0xffffffff;

/** Where values stand in the optimiser's scalars (f32); `encodeOptimiserScalars` writes it. */
export const STEP_SCALAR = {
  lr: 0,
  weightDecay: 1,
  teacherMomentum: 2,
  oneMinusTeacherMomentum: 3,
  clip: 4,
  freezeLastLayer: 5,
  beta1: 6,
  oneMinusBeta1: 7,
  beta2: 8,
  oneMinusBeta2: 9,
  eps: 10,
  step: 11,
} as const;
export const STEP_SCALARS_LENGTH = 12;

/** Where the optimiser's own metrics stand, after the loss metrics. */
export const STEP_METRIC = { gradientNorm: 0, largestNorm: 1, largestNormEntry: 2, ok: 3 } as const;
export const STEP_METRICS_LENGTH = 4;

/** Bits of an entry's and a job's flags. */
export const FLAG = { decayed: 1, lastLayer: 2, trainable: 4 } as const;
/** u32 per job: entry, offset in the window (vec4), length (floats), teacher offset in its window (vec4), flags, partial. */
export const JOB_WORDS = 6;
export const NO_TEACHER = 0xffffffff;
/** u32 per entry: first partial, partials, flags. */
export const ENTRY_WORDS = 3;

/** What the update does with an entry, in its coefficients. */
const MODE = { nothing: 0, teacher: 1, all: 2 } as const;

const JOB = `
  let index = ${SPREAD_INDEX};
  if (index >= p.jobs) { return; }
  let job = (p.firstJob + index) * ${JOB_WORDS}u;
  let entry = jobs[job];
  let offset = jobs[job + 1u];
  let floats = jobs[job + 2u];
  let quads = (floats + 3u) / 4u;
  let flags = jobs[job + 4u];`;

/** Sum of squares and number of non-finite values of each job: exponent bits, since compilers may assume there are none. */
export const squaresKernel = (width: number): Kernel => ({
  key: `optimiser/squares/${width}`,
  bindings: ['jobs: u32', 'gradient: vec4f', 'partials: vec2f'],
  params: ['firstJob', 'jobs'],
  workgroup: [width, 1, 1],
  declarations: `
var<workgroup> parts: array<vec2f, ${width}>;
fn odd(x: vec4f) -> vec4f {
  return select(vec4f(), vec4f(1.0), (bitcast<vec4u>(x) & vec4u(0x7f800000u)) == vec4u(0x7f800000u));
}
fn total(v: vec4f) -> f32 { return (v.x + v.y) + (v.z + v.w); }`,
  main: `
  let index = ${SPREAD_INDEX};
  let job = (p.firstJob + min(index, p.jobs - 1u)) * ${JOB_WORDS}u;
  let offset = jobs[job + 1u];
  let floats = jobs[job + 2u];
  let quads = select(0u, (floats + 3u) / 4u, index < p.jobs && (jobs[job + 4u] & ${FLAG.trainable}u) != 0u);
  var squares = vec4f();
  var odds = vec4f();
  for (var i = lane; i < quads; i += ${width}u) {
    // The last vector may reach past the parameter.
    let inside = vec4u(4u * i) + vec4u(0u, 1u, 2u, 3u) < vec4u(floats);
    let g = select(vec4f(), gradient[offset + i], inside);
    squares += g * g;
    odds += odd(g);
  }
  parts[lane] = vec2f(total(squares), total(odds));
  workgroupBarrier();
  for (var step = ${width / 2}u; step > 0u; step = step / 2u) {
    if (lane < step) { parts[lane] += parts[lane + step]; }
    workgroupBarrier();
  }
  if (lane == 0u && index < p.jobs) { partials[jobs[job + 5u]] = parts[0]; }`,
});

const S = STEP_SCALAR;

/**
 * One workgroup: norms, clip coefficients, Adam's counters and step sizes per entry; whether the step counts.
 * counters [entries, 4]: step count t, 1 − β1^t, 1 − β2^t (c ← c·β + (1 − β)), norm of the last gradient.
 * coefficients [entries, 4]: mode, clip coefficient, lr / (1 − β1^t), 1 / √(1 − β2^t).
 */
export const decideKernel = (width: number, lossMetrics: number): Kernel => ({
  key: `optimiser/decide/${width}-${lossMetrics}`,
  bindings: [
    'entries: u32',
    'partials: vec2f',
    'counters: vec4f',
    'coefficients: vec4f',
    'scalars: f32',
    'state: u32',
    'loss: f32',
    'metrics: f32',
  ],
  params: ['entries'],
  workgroup: [width, 1, 1],
  declarations: `
/** Sum of squares, largest norm, its entry, first entry that is not finite. */
struct Norms { squares: f32, largest: f32, at: u32, odd: u32 }
var<workgroup> norms: array<Norms, ${width}>;
fn odd(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u; }`,
  main: `
  var own = Norms(0.0, -1.0, 0u, ${NO_ENTRY}u);
  for (var e = lane; e < p.entries; e += ${width}u) {
    let begin = entries[e * ${ENTRY_WORDS}u];
    var sum = vec2f();
    for (var i = 0u; i < entries[e * ${ENTRY_WORDS}u + 1u]; i++) { sum += partials[begin + i]; }
    if ((entries[e * ${ENTRY_WORDS}u + 2u] & ${FLAG.trainable}u) == 0u) { continue; }
    let norm = sqrt(sum.x);
    coefficients[e] = vec4f(norm, 0.0, 0.0, 0.0);
    own.squares += sum.x;
    if (norm > own.largest) { own.largest = norm; own.at = e; }
    if (sum.y > 0.0 && own.odd == ${NO_ENTRY}u) { own.odd = e; }
  }
  norms[lane] = own;
  let before = state[${STATE.halt}];
  workgroupBarrier();
  for (var step = ${width / 2}u; step > 0u; step = step / 2u) {
    if (lane < step) {
      let a = norms[lane];
      let b = norms[lane + step];
      let later = b.largest > a.largest || (b.largest == a.largest && b.at < a.at);
      norms[lane] = Norms(a.squares + b.squares, max(a.largest, b.largest), select(a.at, b.at, later), min(a.odd, b.odd));
    }
    workgroupBarrier();
  }
  let all = norms[0];
  var lost = all.odd != ${NO_ENTRY}u;
  for (var i = 0u; i < ${lossMetrics}u; i++) { lost = lost || odd(loss[i]); }
  let ok = before == 0u && !lost;
  let clip = scalars[${S.clip}];
  for (var e = lane; e < p.entries; e += ${width}u) {
    let flags = entries[e * ${ENTRY_WORDS}u + 2u];
    let frozen = (flags & ${FLAG.lastLayer}u) != 0u && scalars[${S.freezeLastLayer}] != 0.0;
    if (!ok) {
      coefficients[e] = vec4f();
    } else if ((flags & ${FLAG.trainable}u) == 0u || frozen) {
      coefficients[e] = vec4f(${MODE.teacher}.0, 0.0, 0.0, 0.0);
    } else {
      let norm = coefficients[e].x;
      var counter = counters[e];
      counter.x += 1.0;
      counter.y = counter.y * scalars[${S.beta1}] + scalars[${S.oneMinusBeta1}];
      counter.z = counter.z * scalars[${S.beta2}] + scalars[${S.oneMinusBeta2}];
      counter.w = norm;
      counters[e] = counter;
      let coefficient = select(1.0, min(1.0, clip / (norm + 1e-6)), clip > 0.0);
      coefficients[e] = vec4f(${MODE.all}.0, coefficient, scalars[${S.lr}] / counter.y, 1.0 / sqrt(counter.z));
    }
  }
  // All threads have read the loss and the state before one of them writes there.
  storageBarrier();
  workgroupBarrier();
  if (lane != 0u) { return; }
  state[${STATE.ok}] = select(0u, 1u, ok);
  if (before == 0u) {
    if (lost) {
      state[${STATE.halt}] = 1u;
      state[${STATE.haltedStep}] = u32(scalars[${S.step}]);
      state[${STATE.haltedEntry}] = all.odd;
    }
    for (var i = 0u; i < ${lossMetrics}u; i++) { metrics[i] = loss[i]; }
    metrics[${lossMetrics + STEP_METRIC.gradientNorm}u] = sqrt(all.squares);
    metrics[${lossMetrics + STEP_METRIC.largestNorm}u] = max(all.largest, 0.0);
    metrics[${lossMetrics + STEP_METRIC.largestNormEntry}u] = f32(all.at);
    metrics[${lossMetrics + STEP_METRIC.ok}u] = select(0.0, 1.0, ok);
  }
  for (var i = 0u; i < ${lossMetrics}u; i++) { loss[i] = 0.0; }`,
});

/**
 * AdamW in PyTorch's order (torch/optim/adamw.py): w ← w·(1 − lr·decay); m ← β1·m + (1 − β1)·g; v ← β2·v + (1 − β2)·g²;
 * w ← w − lr / (1 − β1^t) · m / (√v / √(1 − β2^t) + eps). Then the teacher: t ← momentum·t + (1 − momentum)·w.
 * The gradient is cleared for the next step, also where the step does not count.
 */
export const updateKernel = (width: number, teacher: boolean): Kernel => ({
  key: `optimiser/update/${width}${teacher ? '/teacher' : ''}`,
  bindings: [
    'jobs: u32',
    'coefficients: vec4f',
    'scalars: f32',
    'student: vec4f',
    'gradient: vec4f',
    'first: vec4f',
    'second: vec4f',
    ...(teacher ? ['teacher: vec4f'] : []),
  ],
  params: ['firstJob', 'jobs'],
  workgroup: [width, 1, 1],
  main: `${JOB}
  let coefficient = coefficients[entry];
  let trains = coefficient.x == ${MODE.all}.0;
  let clears = (flags & ${FLAG.trainable}u) != 0u;
  let decay = 1.0 - select(0.0, scalars[${S.lr}] * scalars[${S.weightDecay}], (flags & ${FLAG.decayed}u) != 0u);
  // Read once: in the loop, each access to a buffer costs as much on a software device as one to the parameters.
  let eps = vec4f(scalars[${S.eps}]);
  let beta1 = scalars[${S.beta1}];
  let rest1 = scalars[${S.oneMinusBeta1}];
  let beta2 = scalars[${S.beta2}];
  let rest2 = scalars[${S.oneMinusBeta2}];
  ${
    teacher
      ? `let keeps = scalars[${S.teacherMomentum}];
  let takes = scalars[${S.oneMinusTeacherMomentum}];
  let place = jobs[job + 3u];
  let follows = coefficient.x >= ${MODE.teacher}.0 && place != ${NO_TEACHER}u;`
      : ''
  }
  for (var i = lane; i < quads; i += ${width}u) {
    let at = offset + i;
    var w = student[at];
    if (trains) {
      let g = gradient[at] * coefficient.y;
      let m = first[at] * beta1 + g * rest1;
      let v = second[at] * beta2 + g * g * rest2;
      first[at] = m;
      second[at] = v;
      w = w * decay - coefficient.z * (m / (sqrt(v) * coefficient.w + eps));
      student[at] = w;
    }
    if (clears) { gradient[at] = vec4f(); }
    ${teacher ? 'if (follows) { teacher[place + i] = teacher[place + i] * keeps + w * takes; }' : ''}
  }`,
});
