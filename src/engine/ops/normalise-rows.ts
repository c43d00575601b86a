/**
 * Rows scaled to length 1, as `torch.nn.functional.normalize(x, dim=-1, p=2)`: y = x / max(‖x‖₂, 1e-12). The head's
 * bottleneck goes through it before the last layer (DINO head, models/head.py of the original).
 *
 * Each row is read by `lanes` neighbouring threads: 1 where barriers are dear (software devices), 16 on GPUs, so that
 * loads are coalesced. The frame for such kernels is exported, since weight normalisation has the same shape.
 */
import {
  spread,
  SPREAD_INDEX,
  type Dispatch,
  type Graph,
  type Kernel,
  type Lowering,
  type OpDefinition,
  type Tensor,
} from '../graph';

/** WGSL shared by kernels that reduce along rows: `V`, `total(V)`, `row_total(lane, vec2f)`, and where a thread stands. */
export interface RowFrame {
  lanes: number;
  vec4: boolean;
  /** Part of the kernel's key. */
  key: string;
  workgroup: readonly [number, number, number];
  rowsPerGroup: number;
  /** Element type of buffers that hold rows. */
  element: 'vec4f' | 'f32';
  declarations: string;
  /** Declares `row`, `part` (first column of this thread), `columns` (0 past the last row), `first` (element offset). */
  prologue: string;
}

export function rowFrame(lanes: number, vec4: boolean): RowFrame {
  const size = lanes === 1 ? 16 : 64;
  const element = vec4 ? 'vec4f' : 'f32';
  const rowTotal =
    lanes === 1
      ? 'fn row_total(lane: u32, value: vec2f) -> vec2f { return value; }'
      : `var<workgroup> parts: array<vec2f, ${size}>;
fn row_total(lane: u32, value: vec2f) -> vec2f {
  parts[lane] = value;
  workgroupBarrier();
  let first = lane / ${lanes}u * ${lanes}u;
  var sum = vec2f();
  for (var i = 0u; i < ${lanes}u; i++) { sum += parts[first + i]; }
  workgroupBarrier();
  return sum;
}`;
  return {
    lanes,
    vec4,
    key: `${lanes}-lanes/${element}`,
    workgroup: [size, 1, 1],
    rowsPerGroup: size / lanes,
    element,
    declarations: `alias V = ${element};
fn total(v: V) -> f32 { return ${vec4 ? '(v.x + v.y) + (v.z + v.w)' : 'v'}; }
${rowTotal}`,
    prologue: `
  let row = ${SPREAD_INDEX} * ${size / lanes}u + lane / ${lanes}u;
  let part = lane % ${lanes}u;
  let columns = select(0u, p.columns, row < p.rows);
  let first = row * p.columns;`,
  };
}

/** Chooses the frame for [rows, columns] and builds one dispatch with it. */
export function rowDispatch(
  lowering: Lowering,
  family: string,
  rows: number,
  columns: number,
  kernelOf: (frame: RowFrame) => Kernel,
  tensors: readonly Tensor[],
  params: Readonly<Record<string, number>> = {},
): Dispatch[] {
  const vec4 = columns % 4 === 0;
  const build = (lanes: number) => (): Dispatch[] => {
    const frame = rowFrame(lanes, vec4);
    return [
      {
        kernel: kernelOf(frame),
        tensors,
        params: { ...params, rows, columns: vec4 ? columns / 4 : columns },
        workgroups: spread(Math.ceil(rows / frame.rowsPerGroup)),
      },
    ];
  };
  const variants = [
    { name: 'row-per-thread', build: build(1) },
    { name: '16-lanes', suits: 'gpu' as const, build: build(16) },
  ];
  if (!lowering.gpu.info.software) variants.reverse();
  return lowering.choose(family, `${2 ** Math.ceil(Math.log2(Math.max(1, rows)))},${columns}`, variants);
}

const live = (counted: boolean): string => (counted ? 'row < count[0]' : 'true');

const forwardKernel =
  (counted: boolean) =>
  (frame: RowFrame): Kernel => ({
    key: `normalise-rows/${frame.key}${counted ? '/counted' : ''}`,
    bindings: [`x: ${frame.element}`, `y: ${frame.element}`, ...(counted ? ['count: u32'] : [])],
    params: ['rows', 'columns', 'eps: f32'],
    workgroup: frame.workgroup,
    declarations: frame.declarations,
    main: `${frame.prologue}
  var sum = V();
  for (var c = part; c < columns; c += ${frame.lanes}u) { let v = x[first + c]; sum += v * v; }
  let scale = 1.0 / max(sqrt(row_total(lane, vec2f(total(sum), 0.0)).x), p.eps);
  for (var c = part; c < columns; c += ${frame.lanes}u) {
    y[first + c] = select(V(), x[first + c] * scale, ${live(counted)});
  }`,
  });

/** With n = ‖x‖ > eps: dx = dy / n − x (x·dy) / n³; below, the length is a constant: dx = dy / eps. */
const backwardKernel =
  (counted: boolean) =>
  (frame: RowFrame): Kernel => ({
    key: `normalise-rows-backward/${frame.key}${counted ? '/counted' : ''}`,
    bindings: [
      `x: ${frame.element}`,
      `dy: ${frame.element}`,
      `dx: ${frame.element}`,
      ...(counted ? ['count: u32'] : []),
    ],
    params: ['rows', 'columns', 'eps: f32'],
    workgroup: frame.workgroup,
    declarations: frame.declarations,
    main: `${frame.prologue}
  var squares = V();
  var products = V();
  for (var c = part; c < columns; c += ${frame.lanes}u) {
    let v = x[first + c];
    squares += v * v;
    products += v * dy[first + c];
  }
  let sums = row_total(lane, vec2f(total(squares), total(products)));
  let n = sqrt(sums.x);
  let a = 1.0 / max(n, p.eps);
  let b = select(0.0, sums.y * a * a * a, n > p.eps);
  for (var c = part; c < columns; c += ${frame.lanes}u) {
    dx[first + c] = select(V(), dy[first + c] * a - x[first + c] * b, ${live(counted)});
  }`,
  });

interface NormaliseRowsAttributes {
  eps: number;
}

const backwardOp: OpDefinition<NormaliseRowsAttributes> = {
  name: 'normalise-rows-backward',
  outputs: ([x]) => [{ shape: x!.shape }],
  lower: ({ inputs: [x, dy, count], outputs: [dx], attributes: { eps } }, lowering) =>
    rowDispatch(
      lowering,
      'normalise-rows-backward',
      x!.rows,
      x!.columns,
      backwardKernel(count !== undefined),
      [x!, dy!, dx!, ...(count ? [count] : [])],
      { eps },
    ),
};

export const normaliseRowsOp: OpDefinition<NormaliseRowsAttributes> = {
  name: 'normalise-rows',
  outputs: ([x]) => [{ shape: x!.shape }],
  gradient: ({ graph, inputs: [x, count], attributes, gradientOf }) => [
    graph.one(backwardOp, [x, gradientOf(0), count], attributes),
  ],
  lower: ({ inputs: [x, count], outputs: [y], attributes: { eps } }, lowering) =>
    rowDispatch(
      lowering,
      'normalise-rows',
      x!.rows,
      x!.columns,
      forwardKernel(count !== undefined),
      [x!, y!, ...(count ? [count] : [])],
      { eps },
    ),
};

/**
 * y = x / max(‖x‖₂, eps) for each row of x [rows, columns].
 * @param count u32 [1]: rows from there on become 0 in the value and in the gradient, whatever they hold
 */
export function normaliseRows(graph: Graph, x: Tensor, count?: Tensor, eps = 1e-12): Tensor {
  return graph.one(normaliseRowsOp, [x, count], { eps });
}
