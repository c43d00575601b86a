/** Chosen rows of a matrix, and the way back: for the [CLS] rows and the masked-patch rows that the head sees. */
import { spread, SPREAD_INDEX, type Dispatch, type Graph, type Kernel, type OpDefinition, type Tensor } from '../graph';

/** An index with which a gathered row is zero (and gives no gradient). */
export const NO_ROW = 0xffffffff;

const element = (vec4: boolean): string => (vec4 ? 'vec4f' : 'f32');
const kind = (vec4: boolean, counted: boolean): string => `${vec4 ? 'vec4' : 'scalar'}${counted ? '/counted' : ''}`;
/** Indices past the matrix count as no row, so a wrong index can never read or write elsewhere. */
const source = (counted: boolean): string =>
  `let chosen = index[row]; let found = chosen < p.rows${counted ? ' && row < count[0]' : ''};`;

const gatherKernel = (vec4: boolean, counted: boolean): Kernel => ({
  key: `gather-rows/${kind(vec4, counted)}`,
  bindings: [`x: ${element(vec4)}`, 'index: u32', `y: ${element(vec4)}`, ...(counted ? ['count: u32'] : [])],
  params: ['size', 'columns', 'rows'],
  workgroup: [64, 1, 1],
  main: `
  let begin = (${SPREAD_INDEX} * 64u + lane) * 4u;
  for (var i = begin; i < min(begin + 4u, p.size); i++) {
    let row = i / p.columns;
    ${source(counted)}
    if (found) { y[i] = x[chosen * p.columns + i % p.columns]; } else { y[i] = ${element(vec4)}(); }
  }`,
});

/** dx[index[row]] += dy[row]; every index occurs once, so no two threads meet. */
const scatterKernel = (vec4: boolean, counted: boolean): Kernel => ({
  key: `scatter-rows/${kind(vec4, counted)}`,
  bindings: [`dy: ${element(vec4)}`, 'index: u32', `dx: ${element(vec4)}`, ...(counted ? ['count: u32'] : [])],
  params: ['size', 'columns', 'rows'],
  workgroup: [64, 1, 1],
  main: `
  let begin = (${SPREAD_INDEX} * 64u + lane) * 4u;
  for (var i = begin; i < min(begin + 4u, p.size); i++) {
    let row = i / p.columns;
    ${source(counted)}
    if (found) {
      let to = chosen * p.columns + i % p.columns;
      dx[to] = dx[to] + dy[i];
    }
  }`,
});

/** What the scattered rows are added to: zeros, or a copy of the gradient so far. */
const beginKernel = (vec4: boolean, copy: boolean): Kernel => ({
  key: `scatter-rows/begin/${vec4 ? 'vec4' : 'scalar'}${copy ? '/copy' : ''}`,
  bindings: [`dx: ${element(vec4)}`, ...(copy ? [`before: ${element(vec4)}`] : [])],
  params: ['size'],
  workgroup: [64, 1, 1],
  main: `
  let begin = (${SPREAD_INDEX} * 64u + lane) * 4u;
  for (var i = begin; i < min(begin + 4u, p.size); i++) { dx[i] = ${copy ? 'before[i]' : `${element(vec4)}()`}; }`,
});

const scatterRowsOp: OpDefinition<{ shape: readonly number[] }> = {
  name: 'scatterRows',
  outputs: (_, { shape }) => [{ shape }],
  lower: ({ inputs: [dy, index, count, before], outputs }) => {
    const dx = outputs[0]!;
    const vec4 = dx.columns % 4 === 0;
    const unit = vec4 ? 4 : 1;
    const begin: Dispatch = {
      kernel: beginKernel(vec4, before !== undefined),
      tensors: before ? [dx, before] : [dx],
      params: { size: dx.size / unit },
      workgroups: spread(Math.ceil(dx.size / unit / 256)),
    };
    const size = dy!.size / unit;
    const scatter: Dispatch = {
      kernel: scatterKernel(vec4, count !== undefined),
      tensors: [dy!, index!, dx, ...(count ? [count] : [])],
      params: { size, columns: dx.columns / unit, rows: dx.rows },
      workgroups: spread(Math.ceil(size / 256)),
    };
    return [begin, scatter];
  },
};

export const gatherRowsOp: OpDefinition<Record<string, never>> = {
  name: 'gatherRows',
  outputs: ([x, index]) => [{ shape: [index!.size, x!.columns] }],
  gradient: ({ graph, inputs: [x, index, count], gradientOf, soFar, absorbed, into }) => {
    const before = into(0) ? undefined : soFar(0);
    if (before) absorbed(0);
    return [graph.one(scatterRowsOp, [gradientOf(0), index, count, before], { shape: x!.shape })];
  },
  lower: ({ inputs: [x, index, count], outputs }) => {
    const vec4 = x!.columns % 4 === 0;
    const unit = vec4 ? 4 : 1;
    const size = outputs[0]!.size / unit;
    return [
      {
        kernel: gatherKernel(vec4, count !== undefined),
        tensors: [x!, index!, outputs[0]!, ...(count ? [count] : [])],
        params: { size, columns: x!.columns / unit, rows: x!.rows },
        workgroups: spread(Math.ceil(size / 256)),
      },
    ];
  },
};

/**
 * y[i] = x[index[i]].
 * @param x f32 [rows, D] (leading axes are flattened)
 * @param index u32 [n]; `NO_ROW` gives a zero row. All other indices must be distinct (the gradient relies on it)
 * @param rowCount u32 [1]: rows from this one on are zero, whatever their index
 * @returns f32 [n, D]
 */
export function gatherRows(graph: Graph, x: Tensor, index: Tensor, rowCount?: Tensor): Tensor {
  if (index.dtype !== 'u32') throw new Error(`gatherRows: the index ${index.name} is not u32`);
  return graph.one(gatherRowsOp, [x, index, rowCount], {});
}
