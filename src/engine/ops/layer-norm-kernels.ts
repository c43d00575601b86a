/**
 * Kernels of layer normalisation. Where barriers are dear (software devices) a thread takes a whole row, and another pass
 * takes the columns; on GPUs a workgroup takes a row, and keeps the column sums of its rows on the way.
 */
import { spread, SPREAD_INDEX, type Dispatch, type Lowering, type Tensor } from '../graph';

/** Elements per access: all of a row's vectors are whole, or single elements. */
const widthOf = (columns: number): 1 | 4 => (columns % 4 === 0 ? 4 : 1);
const typeOf = (width: 1 | 4): string => (width === 4 ? 'vec4f' : 'f32');
/** WGSL: the sum over a vector's elements. */
const total = (width: 1 | 4, value: string): string => (width === 4 ? `dot(${value}, vec4f(1.0))` : value);

const ROWS_PER_GROUP = 16;
const THREADS = 64;

/** WGSL: sums `body`, an expression of the running `i`, over a row's vectors. Unrolled it is no faster here, only slow to compile. */
const sumRow = (type: string, into: string, body: string): string => `
  var ${into} = ${type}();
  for (var i = 0u; i < p.columns; i++) { ${into} += ${body}; }`;

/** Workgroup sums of one or two values per thread, by a tree: `reduce(v)` gives every thread the sum over all. */
const REDUCE = `
var<workgroup> shared_sums: array<vec2f, ${THREADS}>;
fn reduce(lane: u32, v: vec2f) -> vec2f {
  workgroupBarrier();
  shared_sums[lane] = v;
  for (var half = ${THREADS / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { shared_sums[lane] += shared_sums[lane + half]; }
  }
  workgroupBarrier();
  return shared_sums[0];
}`;

export interface Forward {
  x: Tensor;
  weight: Tensor;
  bias: Tensor;
  y: Tensor;
  /** [rows], and 1/σ below: kept for the gradient. */
  mean: Tensor;
  inverse: Tensor;
  eps: number;
}

export function forward(lowering: Lowering, f: Forward): Dispatch[] {
  const { x, weight, bias, y, mean, inverse, eps } = f;
  const width = widthOf(x.columns);
  const type = typeOf(width);
  const common = {
    bindings: [`x: ${type}`, `weight: ${type}`, `bias: ${type}`, `y: ${type}`, 'mean: f32', 'inverse: f32'],
    params: ['rows', 'columns', 'count: f32', 'eps: f32'],
  };
  const tensors = [x, weight, bias, y, mean, inverse];
  const params = { rows: x.rows, columns: x.columns / width, count: x.columns, eps };
  const deviation = `(x[start + i] - ${type}(m))`;

  const rowPerThread = (): Dispatch => ({
    kernel: {
      ...common,
      key: `layer-norm/row-per-thread/${width}`,
      workgroup: [ROWS_PER_GROUP, 1, 1],
      main: `
  let row = ${SPREAD_INDEX} * ${ROWS_PER_GROUP}u + lane;
  if (row >= p.rows) { return; }
  let start = row * p.columns;${sumRow(type, 'sum', 'x[start + i]')}
  let m = ${total(width, 'sum')} / p.count;${sumRow(type, 'squares', `${deviation} * ${deviation}`)}
  let r = inverseSqrt(${total(width, 'squares')} / p.count + p.eps);
  mean[row] = m;
  inverse[row] = r;
  for (var i = 0u; i < p.columns; i++) { y[start + i] = ${deviation} * r * weight[i] + bias[i]; }`,
    },
    tensors,
    params,
    workgroups: spread(Math.ceil(x.rows / ROWS_PER_GROUP)),
  });

  const rowPerWorkgroup = (): Dispatch => ({
    kernel: {
      ...common,
      key: `layer-norm/row-per-workgroup/${width}`,
      workgroup: [THREADS, 1, 1],
      declarations: REDUCE,
      // A group beyond the last row repeats it: all its threads have to pass the barriers.
      main: `
  let row = min(${SPREAD_INDEX}, p.rows - 1u);
  let start = row * p.columns;
  var sum = ${type}();
  for (var i = lane; i < p.columns; i += ${THREADS}u) { sum += x[start + i]; }
  let m = reduce(lane, vec2f(${total(width, 'sum')}, 0.0)).x / p.count;
  var squares = ${type}();
  for (var i = lane; i < p.columns; i += ${THREADS}u) { squares += ${deviation} * ${deviation}; }
  let r = inverseSqrt(reduce(lane, vec2f(${total(width, 'squares')}, 0.0)).x / p.count + p.eps);
  if (lane == 0u) { mean[row] = m; inverse[row] = r; }
  for (var i = lane; i < p.columns; i += ${THREADS}u) { y[start + i] = ${deviation} * r * weight[i] + bias[i]; }`,
    },
    tensors,
    params,
    workgroups: spread(x.rows),
  });

  return chooseForm(lowering, 'layer-norm', x, () => [rowPerThread()], () => [rowPerWorkgroup()]);
}

export interface Backward {
  x: Tensor;
  weight: Tensor;
  mean: Tensor;
  inverse: Tensor;
  dy: Tensor;
  /** The gradient of x, where wanted; `before` is added to it. */
  dx?: Tensor;
  before?: Tensor;
  /** The parameters' gradients, where wanted. */
  parameters?: { weight: Tensor; bias: Tensor; accumulate: boolean };
}

/**
 * With x̂ = (x − mean)/σ and g = dy·weight:
 * dx = (g − mean(g) − x̂·mean(g·x̂))/σ, dweight = Σ dy·x̂, dbias = Σ dy (sums over rows).
 */
export function backward(lowering: Lowering, b: Backward): Dispatch[] {
  return chooseForm(lowering, 'layer-norm-gradient', b.x, () => byRowsAndColumns(b), () => byWorkgroups(lowering, b));
}

function chooseForm(
  lowering: Lowering,
  family: string,
  x: Tensor,
  perThread: () => Dispatch[],
  perWorkgroup: () => Dispatch[],
): Dispatch[] {
  const variants = [
    { name: 'row-per-thread', build: perThread },
    { name: 'row-per-workgroup', suits: 'gpu' as const, build: perWorkgroup },
  ];
  if (!lowering.gpu.info.software) variants.reverse();
  return lowering.choose(family, `${2 ** Math.ceil(Math.log2(x.rows))},${x.columns}`, variants);
}

/** Bindings and text that both gradient forms share. The residual stream's gradient may be dy itself. */
function gradientFrame({ x, weight, mean, inverse, dy, dx, before }: Backward, rowKernel: boolean) {
  const width = widthOf(x.columns);
  const type = typeOf(width);
  const bindings = [`x: ${type}`, `dy: ${type}`, 'mean: f32', 'inverse: f32'];
  const tensors = [x, dy, mean, inverse];
  const aliased = before !== undefined && (before.base ?? before) === (dy.base ?? dy);
  if (rowKernel && dx) {
    bindings.push(`weight: ${type}`, `dx: ${type}`);
    tensors.push(weight, dx);
    if (before && !aliased) {
      bindings.push(`before: ${type}`);
      tensors.push(before);
    }
  }
  const xhat = `((x[start + i] - ${type}(m)) * r)`;
  const g = '(dy[start + i] * weight[i])';
  const added = before ? ` + ${aliased ? 'dy' : 'before'}[start + i]` : '';
  const write = `dx[start + i] = (${g} - ${type}(meanG) - ${xhat} * meanGX) * r${added};`;
  const flags = `${width}${dx ? '+dx' : ''}${before ? (aliased ? '+dy' : '+before') : ''}`;
  const params = { rows: x.rows, columns: x.columns / width, count: x.columns };
  return { width, type, bindings, tensors, xhat, g, write, flags, params, names: ['rows', 'columns', 'count: f32'] };
}

/** One pass over rows for dx, one over columns for the parameters. */
function byRowsAndColumns(b: Backward): Dispatch[] {
  const dispatches: Dispatch[] = [];
  if (b.dx) {
    const { width, type, bindings, tensors, xhat, g, write, flags, params, names } = gradientFrame(b, true);
    dispatches.push({
      kernel: {
        key: `layer-norm-gradient/row-per-thread/${flags}`,
        bindings,
        params: names,
        workgroup: [ROWS_PER_GROUP, 1, 1],
        main: `
  let row = ${SPREAD_INDEX} * ${ROWS_PER_GROUP}u + lane;
  if (row >= p.rows) { return; }
  let start = row * p.columns;
  let m = mean[row];
  let r = inverse[row];
  var sumG = ${type}();
  var sumGX = ${type}();
  for (var i = 0u; i < p.columns; i++) {
    let g = ${g};
    sumG += g;
    sumGX += g * ${xhat};
  }
  let meanG = ${total(width, 'sumG')} / p.count;
  let meanGX = ${total(width, 'sumGX')} / p.count;
  for (var i = 0u; i < p.columns; i++) { ${write} }`,
      },
      tensors,
      params,
      workgroups: spread(Math.ceil(b.x.rows / ROWS_PER_GROUP)),
    });
  }
  if (b.parameters) {
    const { weight, bias, accumulate } = b.parameters;
    const { type, bindings, tensors, xhat, flags, params, names } = gradientFrame({ ...b, dx: undefined, before: undefined }, false);
    const set = accumulate ? '+=' : '=';
    dispatches.push({
      kernel: {
        key: `layer-norm-gradient/columns/${flags}${accumulate ? '+accumulate' : ''}`,
        bindings: [...bindings, `dweight: ${type}`, `dbias: ${type}`],
        params: names,
        workgroup: [8, 1, 1],
        // Blocks of 64 rows summed apart keep the rounding error small.
        main: `
  let i = ${SPREAD_INDEX} * 8u + lane;
  if (i >= p.columns) { return; }
  var dw = ${type}();
  var db = ${type}();
  for (var first = 0u; first < p.rows; first += 64u) {
    var dwBlock = ${type}();
    var dbBlock = ${type}();
    for (var row = first; row < min(first + 64u, p.rows); row++) {
      let start = row * p.columns;
      let m = mean[row];
      let r = inverse[row];
      let d = dy[start + i];
      dwBlock += d * ${xhat};
      dbBlock += d;
    }
    dw += dwBlock;
    db += dbBlock;
  }
  dweight[i] ${set} dw;
  dbias[i] ${set} db;`,
      },
      tensors: [...tensors, weight, bias],
      params,
      workgroups: spread(Math.ceil(params.columns / 8)),
    });
  }
  return dispatches;
}

/** Workgroups walk bands of rows, write dx and their own column sums; a second pass adds those up in a fixed order. */
function byWorkgroups(lowering: Lowering, b: Backward): Dispatch[] {
  const { dx, parameters } = b;
  const { width, type, bindings, tensors, xhat, g, write, flags, params, names } = gradientFrame(b, true);
  const { rows, columns } = b.x;
  const band = Math.ceil(rows / Math.min(512, Math.ceil(rows / 4)));
  const groups = Math.ceil(rows / band);
  const partial = parameters && lowering.scratch([groups, 2, columns]);
  const sums = `
    var sumG = ${type}();
    var sumGX = ${type}();
    for (var i = lane; i < p.columns; i += ${THREADS}u) {
      sumG += ${g};
      sumGX += ${g} * ${xhat};
    }
    let means = reduce(lane, vec2f(${total(width, 'sumG')}, ${total(width, 'sumGX')})) / p.count;
    let meanG = means.x;
    let meanGX = means.y;`;
  const kept = `
      let d = dy[start + i];
      let at = group.x * 2u * p.columns + i;
      if (row == first) {
        partial[at] = d * ${xhat};
        partial[at + p.columns] = d;
      } else {
        partial[at] += d * ${xhat};
        partial[at + p.columns] += d;
      }`;
  const dispatches: Dispatch[] = [
    {
      kernel: {
        key: `layer-norm-gradient/row-per-workgroup/${flags}${parameters ? '+parameters' : ''}`,
        bindings: [...bindings, ...(parameters ? [`partial: ${type}`] : [])],
        params: [...names, 'band'],
        workgroup: [THREADS, 1, 1],
        declarations: REDUCE,
        main: `
  let first = group.x * p.band;
  for (var row = first; row < min(first + p.band, p.rows); row++) {
    let start = row * p.columns;
    let m = mean[row];
    let r = inverse[row];${dx ? sums : ''}
    for (var i = lane; i < p.columns; i += ${THREADS}u) {
      ${dx ? write : ''}${parameters ? kept : ''}
    }
  }`,
      },
      tensors: [...tensors, ...(partial ? [partial] : [])],
      params: { ...params, band },
      workgroups: [groups, 1, 1],
    },
  ];
  if (parameters && partial) {
    const set = parameters.accumulate ? '+=' : '=';
    dispatches.push({
      kernel: {
        key: `layer-norm-gradient/partials${parameters.accumulate ? '/accumulate' : ''}`,
        bindings: ['partial: f32', 'dweight: f32', 'dbias: f32'],
        params: ['groups', 'columns'],
        workgroup: [THREADS, 1, 1],
        main: `
  let i = ${SPREAD_INDEX} * ${THREADS}u + lane;
  if (i >= p.columns) { return; }
  var dw = 0.0;
  var db = 0.0;
  for (var first = 0u; first < p.groups; first += 16u) {
    var dwBlock = 0.0;
    var dbBlock = 0.0;
    for (var j = first; j < min(first + 16u, p.groups); j++) {
      dwBlock += partial[j * 2u * p.columns + i];
      dbBlock += partial[(j * 2u + 1u) * p.columns + i];
    }
    dw += dwBlock;
    db += dbBlock;
  }
  dweight[i] ${set} dw;
  dbias[i] ${set} db;`,
      },
      tensors: [partial, parameters.weight, parameters.bias],
      params: { groups, columns },
      workgroups: spread(Math.ceil(columns / THREADS)),
    });
  }
  return dispatches;
}
