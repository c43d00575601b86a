/**
 * Position embedding for other picture sizes than the native one (iBOT, `interpolate_pos_encoding`): PyTorch's bicubic
 * interpolation with a = −0.75, half-pixel centres and clamped edges. The source position comes from the scale factor
 * (patches out + 0.1) / √(native patches), not from the ratio of the sizes: src = (dst + 0.5) / scale − 0.5.
 */
import { spread, SPREAD_INDEX, type Graph, type Kernel, type OpDefinition, type Tensor } from '../graph';

interface Grid {
  native: number;
  rows: number;
  columns: number;
}

const isNative = ({ native, rows, columns }: Grid): boolean => rows === native && columns === native;

const A = -0.75;

/** Keys' cubic kernel at distance d. */
function cubic(d: number): number {
  if (d <= 1) return ((A + 2) * d - (A + 3)) * d * d + 1;
  return d < 2 ? ((A * d - 5 * A) * d + 8 * A) * d - 4 * A : 0;
}

/** Weights of one axis, [out, native]. */
function axisWeights(native: number, out: number): Float64Array[] {
  const scale = (out + 0.1) / native;
  return Array.from({ length: out }, (_, i) => {
    const weights = new Float64Array(native);
    const source = (i + 0.5) / scale - 0.5;
    const first = Math.floor(source);
    for (let tap = -1; tap <= 2; tap++) {
      const at = Math.min(native - 1, Math.max(0, first + tap));
      weights[at] = weights[at]! + cubic(Math.abs(source - first - tap));
    }
    return weights;
  });
}

/**
 * The whole interpolation as a matrix, computed in f64: embedding of rows × columns patches = matrix · native embedding.
 * @param nativeGrid patches per side of the native (square) picture
 * @returns [1 + rows·columns, 1 + nativeGrid²], row-major; row 0 keeps the [CLS] position; the identity where nothing
 *   has to be interpolated
 */
export function positionMatrix(nativeGrid: number, rows: number, columns: number): Float32Array {
  const width = 1 + nativeGrid ** 2;
  const matrix = new Float32Array((1 + rows * columns) * width);
  matrix[0] = 1;
  if (isNative({ native: nativeGrid, rows, columns })) {
    for (let i = 1; i < width; i++) matrix[i * width + i] = 1;
    return matrix;
  }
  const vertical = axisWeights(nativeGrid, rows);
  const horizontal = axisWeights(nativeGrid, columns);
  vertical.forEach((wy, y) =>
    horizontal.forEach((wx, x) => {
      const begin = (1 + y * columns + x) * width + 1;
      wy.forEach((a, j) => wx.forEach((b, k) => (matrix[begin + j * nativeGrid + k] = a * b)));
    }),
  );
  return matrix;
}

/**
 * 1 / scale comes as a part of 12 bits, which makes its product with (dst + 0.5) exact, and a remainder: so the fraction
 * keeps f32 precision however far out the position is.
 */
function inverseScale(native: number, out: number): { high: number; low: number } {
  const inverse = native / (out + 0.1);
  const unit = 2 ** (Math.floor(Math.log2(inverse)) - 11);
  const high = Math.floor(inverse / unit) * unit;
  return { high, low: inverse - high };
}

const DECLARATIONS = `
fn cubic(d: f32) -> f32 {
  if (d <= 1.0) { return (1.25 * d - 2.25) * d * d + 1.0; }
  return ((-0.75 * d + 3.75) * d - 6.0) * d + 3.0;
}
struct Taps { first: i32, weights: vec4f }
/** The four taps of output place i along one axis, starting at first (not clamped yet). */
fn taps(i: u32, high: f32, low: f32) -> Taps {
  let exact = (f32(i) + 0.5) * high - 0.5;
  let base = floor(exact);
  var fraction = (exact - base) + (f32(i) + 0.5) * low;
  var first = i32(base);
  if (fraction >= 1.0) { fraction -= 1.0; first++; }
  return Taps(first - 1, vec4f(cubic(1.0 + fraction), cubic(fraction), cubic(1.0 - fraction), cubic(2.0 - fraction)));
}
/** The weight of source place j in those taps: clamping sends several of them to an edge. */
fn weightOf(j: u32, t: Taps, native: u32) -> f32 {
  var weight = 0.0;
  for (var k = 0; k < 4; k++) {
    if (u32(clamp(t.first + k, 0, i32(native) - 1)) == j) { weight += t.weights[k]; }
  }
  return weight;
}`;
const PARAMS = ['size', 'width', 'native', 'rows', 'columns', 'highY: f32', 'lowY: f32', 'highX: f32', 'lowX: f32'];

const forwardKernel: Kernel = {
  key: 'interpolate-positions',
  bindings: ['x: f32', 'y: f32'],
  params: PARAMS,
  workgroup: [64, 1, 1],
  declarations: DECLARATIONS,
  main: `
  let i = ${SPREAD_INDEX} * 64u + lane;
  if (i >= p.size) { return; }
  if (i < p.width) { y[i] = x[i]; return; }
  let place = i / p.width - 1u;
  let channel = i % p.width;
  let vertical = taps(place / p.columns, p.highY, p.lowY);
  let horizontal = taps(place % p.columns, p.highX, p.lowX);
  let last = i32(p.native) - 1;
  var sum = 0.0;
  for (var a = 0; a < 4; a++) {
    let line = u32(clamp(vertical.first + a, 0, last)) * p.native + 1u;
    var part = 0.0;
    for (var b = 0; b < 4; b++) {
      part += horizontal.weights[b] * x[(line + u32(clamp(horizontal.first + b, 0, last))) * p.width + channel];
    }
    sum += vertical.weights[a] * part;
  }
  y[i] = sum;`,
};

/** dx = Mᵀ dy, gathered: each native place walks the outputs that may have a tap on it, in order. */
const gradientKernel = (add: boolean): Kernel => ({
  key: `interpolate-positions/gradient/${add ? 'add' : 'set'}`,
  bindings: ['dy: f32', 'dx: f32'],
  params: PARAMS,
  workgroup: [64, 1, 1],
  declarations: `${DECLARATIONS}
/** First and past-the-end output places along one axis that may have a tap on source place j (one more on each side). */
fn reach(j: u32, native: u32, outputs: u32, inverse: f32) -> vec2u {
  let low = select((f32(j) - 1.5) / inverse - 1.5, 0.0, j == 0u);
  let high = select((f32(j) + 2.5) / inverse + 1.5, f32(outputs), j == native - 1u);
  return vec2u(u32(max(low, 0.0)), min(u32(ceil(high)), outputs));
}`,
  main: `
  let i = ${SPREAD_INDEX} * 64u + lane;
  if (i >= p.size) { return; }
  var sum = 0.0;
  if (i < p.width) {
    sum = dy[i];
  } else {
    let place = i / p.width - 1u;
    let channel = i % p.width;
    let down = reach(place / p.native, p.native, p.rows, p.highY + p.lowY);
    let across = reach(place % p.native, p.native, p.columns, p.highX + p.lowX);
    for (var a = down.x; a < down.y; a++) {
      let vertical = weightOf(place / p.native, taps(a, p.highY, p.lowY), p.native);
      if (vertical == 0.0) { continue; }
      var part = 0.0;
      for (var b = across.x; b < across.y; b++) {
        let horizontal = weightOf(place % p.native, taps(b, p.highX, p.lowX), p.native);
        if (horizontal != 0.0) { part += horizontal * dy[(1u + a * p.columns + b) * p.width + channel]; }
      }
      sum += vertical * part;
    }
  }
  dx[i] = ${add ? 'dx[i] + ' : ''}sum;`,
});

function params({ native, rows, columns }: Grid, width: number, size: number): Record<string, number> {
  const y = inverseScale(native, rows);
  const x = inverseScale(native, columns);
  return { size, width, native, rows, columns, highY: y.high, lowY: y.low, highX: x.high, lowX: x.low };
}

const gradientOp: OpDefinition<Grid & { shape: readonly number[] }> = {
  name: 'interpolatePositions.gradient',
  outputs: ([, into], { shape }) => (into ? [] : [{ shape }]),
  lower: ({ inputs: [dy, into], outputs, attributes }) => {
    const dx = into ?? outputs[0]!;
    return [
      {
        kernel: gradientKernel(into !== undefined),
        tensors: [dy!, dx],
        params: params(attributes, dx.columns, dx.size),
        workgroups: spread(Math.ceil(dx.size / 64)),
      },
    ];
  },
};

export const interpolatePositionsOp: OpDefinition<Grid> = {
  name: 'interpolatePositions',
  outputs: ([x], { rows, columns }) => [{ shape: [1 + rows * columns, x!.columns] }],
  gradient: ({ graph, inputs: [x], attributes, gradientOf, into }) => [
    graph.add(gradientOp, [gradientOf(0), into(0)], { ...attributes, shape: x!.shape })[0],
  ],
  lower: ({ inputs: [x], outputs, attributes }) => [
    {
      kernel: forwardKernel,
      tensors: [x!, outputs[0]!],
      params: params(attributes, x!.columns, outputs[0]!.size),
      workgroups: spread(Math.ceil(outputs[0]!.size / 64)),
    },
  ],
};

/**
 * The position embedding for a picture of rows × columns patches.
 * @param posEmbed f32 [1, 1 + native², D]
 * @returns f32 [1 + rows·columns, D], or `posEmbed` itself where the picture is square and has the native patches
 */
export function interpolatePositions(graph: Graph, posEmbed: Tensor, rows: number, columns: number): Tensor {
  const native = Math.round(Math.sqrt(posEmbed.rows - 1));
  if (native < 1 || 1 + native ** 2 !== posEmbed.rows) {
    throw new Error(`interpolatePositions: ${posEmbed.rows} rows are not [CLS] and a square of patches`);
  }
  const grid = { native, rows, columns };
  return isNative(grid) ? posEmbed : graph.one(interpolatePositionsOp, [posEmbed], grid);
}
