/**
 * Transposition as a pass before a product: y[column, row] = x[row, column] · factor(row), padded with zeros to whole
 * vectors of rows. Each thread turns a 4×4 block in registers, which needs no workgroup memory.
 */
import type { Dispatch, Kernel, Tensor } from '../graph';
import type { RowScale } from './activation';

export interface Transposition {
  /** Matrix of `rows` × `columns` with `offset` and `stride` in elements; columns, offset and stride multiples of 4. */
  x: { tensor: Tensor; offset?: number; stride?: number };
  rows: number;
  columns: number;
  /** columns × ceil(rows / 4)·4, dense. */
  y: Tensor;
  scale?: RowScale;
  /** Rows from max(0, tensor[0] − subtract) on count as zeros. */
  rowCount?: { tensor: Tensor; subtract?: number };
}

const kernel = (scaled: boolean, counted: boolean): Kernel => {
  const row = (i: number): string =>
    `select(vec4f(), x[p.offset + (first + ${i}u) * p.stride + column]${
      scaled ? ` * table[p.scaleOffset + sequence[first + ${i}u]]` : ''
    }, first + ${i}u < rows)`;
  return {
    key: `transpose${scaled ? '/scale' : ''}${counted ? '/count' : ''}`,
    bindings: [
      'x: vec4f',
      'y: vec4f',
      ...(scaled ? ['table: f32', 'sequence: u32'] : []),
      ...(counted ? ['count: u32'] : []),
    ],
    params: ['rows', 'columns', 'offset', 'stride', 'scaleOffset', 'subtract'],
    workgroup: [8, 8, 1],
    main: `
  let block = global.y;
  let column = global.x;
  let blocks = (p.rows + 3u) / 4u;
  if (block >= blocks || column >= p.columns) { return; }
  let rows = ${counted ? 'min(p.rows, count[0] - min(count[0], p.subtract))' : 'p.rows'};
  let first = block * 4u;
  let r0 = ${row(0)};
  let r1 = ${row(1)};
  let r2 = ${row(2)};
  let r3 = ${row(3)};
  let out = column * 4u * blocks + block;
  y[out] = vec4f(r0.x, r1.x, r2.x, r3.x);
  y[out + blocks] = vec4f(r0.y, r1.y, r2.y, r3.y);
  y[out + 2u * blocks] = vec4f(r0.z, r1.z, r2.z, r3.z);
  y[out + 3u * blocks] = vec4f(r0.w, r1.w, r2.w, r3.w);`,
  };
};

/** The dispatch that transposes; `y` has `columns` rows of ceil(rows / 4)·4 elements. */
export function transpose({ x, rows, columns, y, scale, rowCount }: Transposition): Dispatch {
  const offset = x.offset ?? 0;
  const stride = x.stride ?? columns;
  if (columns % 4 !== 0 || offset % 4 !== 0 || stride % 4 !== 0) throw new Error('transpose: not aligned to vectors of 4');
  return {
    kernel: kernel(scale !== undefined, rowCount !== undefined),
    tensors: [x.tensor, y, ...(scale ? [scale.table, scale.sequence] : []), ...(rowCount ? [rowCount.tensor] : [])],
    params: {
      rows,
      columns: columns / 4,
      offset: offset / 4,
      stride: stride / 4,
      scaleOffset: scale?.offset ?? 0,
      subtract: rowCount?.subtract ?? 0,
    },
    workgroups: [Math.ceil(columns / 32), Math.ceil(rows / 32), 1],
  };
}
