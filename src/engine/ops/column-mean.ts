/**
 * Mean over rows, [rows, columns] → [1, columns]. Two stages in a fixed order: sums of bands of rows, then their sum;
 * so the result has the same bits each time, and rounding grows with the band, not with all rows. No gradient.
 */
import { spread, SPREAD_INDEX, type Graph, type Kernel, type OpDefinition, type Tensor } from '../graph';

const BAND = 64;

/** Sums `band` rows at a time; the second stage is the same kernel over the bands, with the factor 1 / rows. */
const kernel = (element: 'vec4f' | 'f32'): Kernel => ({
  key: `column-mean/${element}`,
  bindings: [`x: ${element}`, `y: ${element}`],
  params: ['rows', 'columns', 'band', 'bands', 'factor: f32'],
  workgroup: [64, 1, 1],
  main: `
  let i = ${SPREAD_INDEX} * 64u + lane;
  if (i >= p.columns * p.bands) { return; }
  let column = i % p.columns;
  let begin = i / p.columns * p.band;
  var sum = ${element}();
  for (var row = begin; row < min(begin + p.band, p.rows); row++) { sum += x[row * p.columns + column]; }
  y[i] = sum * p.factor;`,
});

export const columnMeanOp: OpDefinition<{ rows: number }> = {
  name: 'column-mean',
  outputs: ([x]) => [{ shape: [1, x!.columns] }],
  lower: ({ inputs: [x], outputs: [y], attributes: { rows } }, lowering) => {
    const vec4 = x!.columns % 4 === 0;
    const columns = vec4 ? x!.columns / 4 : x!.columns;
    const bands = Math.ceil(rows / BAND);
    const partial = lowering.scratch([bands, x!.columns]);
    const stage = (from: Tensor, to: Tensor, count: number, band: number, parts: number, factor: number) => ({
      kernel: kernel(vec4 ? 'vec4f' : 'f32'),
      tensors: [from, to],
      params: { rows: count, columns, band, bands: parts, factor },
      workgroups: spread(Math.ceil((columns * parts) / 64)),
    });
    if (bands === 1) return [stage(x!, y!, rows, BAND, 1, 1 / rows)];
    return [stage(x!, partial, rows, BAND, bands, 1), stage(partial, y!, bands, bands, 1, 1 / rows)];
  },
};

/** Mean of the first `rows` rows (default: all) of x [rows, columns] as [1, columns]. */
export function columnMean(graph: Graph, x: Tensor, rows = x.rows): Tensor {
  if (rows < 1 || rows > x.rows) throw new Error(`columnMean: ${rows} of ${x.rows} rows`);
  return graph.one(columnMeanOp, [x], { rows });
}
