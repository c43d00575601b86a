/**
 * KoLeo: the negative logarithm of the distance to the nearest neighbour within the batch, which spreads features over
 * the sphere (Sablayrolles et al. 2019, "Spreading vectors for similarity search", equation 5; as DINOv2 applies it to
 * the [CLS] tokens of the student's global crops, never between two crops of one picture). Not in iBOT; off by default.
 */
import { spread, SPREAD_INDEX, type Dispatch, type Graph, type Kernel, type OpDefinition, type Tensor } from '../graph';
import { METRIC, METRICS_LENGTH } from './distillation-kernels';

interface Attributes {
  /** Crops, each with `batch` rows; neighbours are looked for within a crop. */
  crops: number;
  batch: number;
  weight: number;
}

/** Added to a distance, so that equal features give a finite loss. */
const EPSILON = 1e-8;

/** One thread per row: the nearest other row of its crop, and 1 / (d·(d + ε)) for the gradient, and −log(d + ε). */
const nearestKernel: Kernel = {
  key: 'koleo/nearest',
  bindings: ['x: f32', 'neighbour: u32', 'terms: vec2f'],
  params: ['crops', 'batch', 'columns'],
  workgroup: [16, 1, 1],
  main: `
  let row = ${SPREAD_INDEX} * 16u + lane;
  if (row >= p.crops * p.batch) { return; }
  let first = row / p.batch * p.batch;
  var best = row;
  var similarity = -3.0e38;
  for (var other = first; other < first + p.batch; other++) {
    var dot = 0.0;
    for (var c = 0u; c < p.columns; c++) { dot += x[row * p.columns + c] * x[other * p.columns + c]; }
    if (other != row && dot > similarity) { similarity = dot; best = other; }
  }
  var square = 0.0;
  for (var c = 0u; c < p.columns; c++) {
    let difference = x[row * p.columns + c] - x[best * p.columns + c];
    square += difference * difference;
  }
  let d = sqrt(square);
  neighbour[row] = best;
  // A crop of one row has no neighbour, and equal rows have no direction to move in.
  terms[row] = vec2f(select(0.0, 1.0 / (d * (d + ${EPSILON})), d > 0.0), select(-log(d + ${EPSILON}), 0.0, best == row));`,
};

/** One thread per element of the gradient; rows that others are nearest to collect their terms in order. */
const gradientKernel: Kernel = {
  key: 'koleo/gradient',
  bindings: ['x: f32', 'neighbour: u32', 'terms: vec2f', 'dx: f32'],
  params: ['crops', 'batch', 'columns', 'size', 'scale: f32'],
  workgroup: [64, 1, 1],
  main: `
  let i = ${SPREAD_INDEX} * 64u + lane;
  if (i >= p.size) { return; }
  let row = i / p.columns;
  let column = i % p.columns;
  if (row >= p.crops * p.batch) { dx[i] = 0.0; return; }
  let first = row / p.batch * p.batch;
  var sum = (x[i] - x[neighbour[row] * p.columns + column]) * terms[row].x;
  for (var other = first; other < first + p.batch; other++) {
    if (other != row && neighbour[other] == row) { sum -= (x[other * p.columns + column] - x[i]) * terms[other].x; }
  }
  dx[i] = -p.scale * sum;`,
};

const metricsKernel: Kernel = {
  key: 'koleo/metrics',
  bindings: ['terms: vec2f', 'metrics: f32'],
  params: ['rows', 'scale: f32'],
  workgroup: [1, 1, 1],
  main: `
  var sum = 0.0;
  for (var row = 0u; row < p.rows; row++) { sum += terms[row].y; }
  for (var i = 0u; i < ${METRICS_LENGTH}u; i++) { metrics[i] = select(0.0, sum * p.scale, i == ${METRIC.koleo}u); }`,
};

export const koleoOp: OpDefinition<Attributes> = {
  name: 'koleo',
  outputs: ([x]) => [{ shape: x!.shape }, { shape: [METRICS_LENGTH] }],
  lower: ({ inputs, outputs, attributes: { crops, batch, weight } }, lowering): Dispatch[] => {
    const x = inputs[0]!;
    const { columns } = x;
    const rows = crops * batch;
    const neighbour = lowering.scratch([rows], 'u32');
    const terms = lowering.scratch([rows, 2]);
    const scale = weight / batch;
    return [
      {
        kernel: nearestKernel,
        tensors: [x, neighbour, terms],
        params: { crops, batch, columns },
        workgroups: spread(Math.ceil(rows / 16)),
      },
      {
        kernel: gradientKernel,
        tensors: [x, neighbour, terms, outputs[0]!],
        params: { crops, batch, columns, size: x.size, scale },
        workgroups: spread(Math.ceil(x.size / 64)),
      },
      { kernel: metricsKernel, tensors: [terms, outputs[1]!], params: { rows, scale }, workgroups: [1, 1, 1] },
    ];
  },
};

/**
 * @param x rows of length 1; the first crops · batch of them count, crop-major
 * @returns the gradient of the weighted loss with respect to x (zero past those rows) to seed the walk with, and the
 * loss as metrics to be added to the others'
 */
export function koleo(graph: Graph, x: Tensor, attributes: Attributes): { gradient: Tensor; metrics: Tensor } {
  if (x.rows < attributes.crops * attributes.batch) throw new Error(`koleo: ${x.rows} rows are too few`);
  const [gradient, metrics] = graph.add(koleoOp, [x], attributes);
  return { gradient: gradient!, metrics: metrics! };
}
