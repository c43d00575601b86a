/**
 * The product's form for GPUs: a workgroup computes a square tile of C from tiles of A and B in workgroup memory, each
 * thread a block of 4×4 in registers. Takes every kind and every size. Where the tiles of C are too few to fill a GPU and
 * k is long (weight gradients), k is split among workgroups and a second pass adds the parts in a fixed order.
 */
import { spread, SPREAD_INDEX, type Dispatch, type KernelText, type Lowering } from '../graph';
import { framed, frameOf, INDEX, type ProductOptions } from './product-frame';

/** Threads along a side of the tile: 16 for tiles of 64×64 (256 threads, 16 deep), 8 for 32×32 (64 threads, 8 deep). */
export type TileSide = 8 | 16;

/**
 * WGSL: the workgroup's threads fill both tiles from depth `first` on, then sum up their products.
 * @param rolled keeps the compiler from unrolling the sum: on a software device that takes seconds and gains nothing
 */
function tileText(
  { kind, depthScale, sums }: ProductOptions,
  side: TileSide,
  nameOfB: string,
  rolled: boolean,
): { declarations: string; step: string } {
  const index = INDEX[kind];
  // One vector more than a row holds, so that threads that write along k meet different banks.
  const pitch = side + 1;
  const four = (element: (i: number) => string): string => `vec4f(${[0, 1, 2, 3].map(element).join(', ')})`;
  const declarations = `
var<workgroup> tileA: array<vec4f, ${side * pitch}>;
var<workgroup> tileB: array<vec4f, ${side * pitch}>;
fn readA(row: u32, k: u32, rows: u32, depth: u32) -> f32 {
  if (row >= rows || k >= depth) { return 0.0; }
  return a[${index.a('row', 'k')}]${depthScale ? ' * depthScale(k)' : ''};
}
fn readB(k: u32, column: u32, depth: u32) -> f32 {
  if (column >= p.n || k >= depth) { return 0.0; }
  return ${nameOfB}[${index.b('k', 'column')}];
}`;
  // Neighbouring threads read neighbouring elements: along rows where the operand lies transposed, along k where not.
  const [kA, quadA] = kind === 'tn' ? ['lane / SIDE', 'lane % SIDE'] : ['lane % SIDE', 'lane / SIDE'];
  const [kB, quadB] = kind === 'nt' ? ['lane % SIDE', 'lane / SIDE'] : ['lane / SIDE', 'lane % SIDE'];
  const sized = (text: string): string => text.replaceAll('SIDE', `${side}u`);
  const step = `
    {
      let kA = ${sized(kA)};
      let quadA = ${sized(quadA)};
      let row = group.y * ${4 * side}u + quadA * 4u;
      tileA[kA * ${pitch}u + quadA] = ${four((i) => `readA(row + ${i}u, first + kA, rows, depth)`)};
      let kB = ${sized(kB)};
      let quadB = ${sized(quadB)};
      let column = group.x * ${4 * side}u + quadB * 4u;
      tileB[kB * ${pitch}u + quadB] = ${four((i) => `readB(first + kB, column + ${i}u, depth)`)};
    }
    workgroupBarrier();
    for (var j = 0u; j < ${rolled ? 'p.side' : `${side}u`}; j++) {
      let left = tileA[j * ${pitch}u + local.y];
      let right = tileB[j * ${pitch}u + local.x];
      acc0 += left.x * right;
      acc1 += left.y * right;
      acc2 += left.z * right;
      acc3 += left.w * right;
      ${sums ? 'rowTotal += left;' : ''}
    }
    workgroupBarrier();`;
  return { declarations, step };
}

/** WGSL: limits that come from a buffer, made known to be the same for the whole workgroup, as barriers require. */
const LIMITS = `
var<workgroup> sharedLimits: vec2u;`;
const limits = (counted: boolean): string =>
  counted
    ? `
  if (lane == 0u) { sharedLimits = vec2u(rowLimit(), depthLimit()); }
  let both = workgroupUniformLoad(&sharedLimits);
  let rows = both.x;
  let depth = both.y;`
    : `
  let rows = rowLimit();
  let depth = depthLimit();`;

const ACCUMULATORS = `
  var acc0 = vec4f();
  var acc1 = vec4f();
  var acc2 = vec4f();
  var acc3 = vec4f();
  var rowTotal = vec4f();`;

/**
 * WGSL: hands each of the thread's 16 results to `store`, and with `storeSum` its 4 row sums. The loops end where the
 * matrix ends, which also keeps compilers from unrolling 16 epilogues: that took seconds on software devices.
 */
const results = (side: TileSide, store: string, storeSum?: string): string => `
  let firstRow = (group.y * ${side}u + local.y) * 4u;
  let firstColumn = (group.x * ${side}u + local.x) * 4u;
  for (var i = 0u; i < min(4u, max(rows, firstRow) - firstRow); i++) {
    let row = firstRow + i;
    let values = select(select(acc0, acc1, i == 1u), select(acc2, acc3, i == 3u), i >= 2u);
    for (var j = 0u; j < min(4u, max(p.n, firstColumn) - firstColumn); j++) {
      let column = firstColumn + j;
      let value = values[j];
      ${store}
    }${
      storeSum
        ? `
    if (firstColumn == 0u) {
      let total = rowTotal[i];
      ${storeSum}
    }`
        : ''
    }
  }`;

/** Sizes of the dispatch along x and y. */
const grid = (side: TileSide, { m, n }: ProductOptions): [number, number] => [
  Math.ceil(n / (4 * side)),
  Math.ceil(m / (4 * side)),
];

export function tile({ gpu }: Lowering, options: ProductOptions, side: TileSide): Dispatch[] {
  const { m, n, k, rowCount, sums } = options;
  const frame = frameOf(options, 1);
  const write = (): KernelText => {
    const { declarations, step } = tileText(options, side, frame.b, gpu.info.software);
    return {
      declarations: declarations + (rowCount ? LIMITS : ''),
      main: `${limits(rowCount !== undefined)}${ACCUMULATORS}
  for (var first = 0u; first < depth; first += ${side}u) {${step}
  }
${results(side, 'store(row, column, value);', sums && 'storeSum(row, total);')}`,
    };
  };
  return [
    {
      kernel: framed(frame, `tile${4 * side}${gpu.info.software ? '-rolled' : ''}`, {
        workgroup: [side, side, 1],
        params: ['side'],
        write,
      }),
      tensors: frame.tensors,
      params: { ...frame.values, side },
      workgroups: [...grid(side, options), 1],
      flops: 2 * m * n * k,
    },
  ];
}

/** So many tiles fill a GPU; with fewer, splitting k pays off. */
const ENOUGH_TILES = 256;
const SHORTEST_PART = 128;
const MOST_PARTS = 64;

/** Into how many parts k is worth splitting; 1 if it is not. */
export function partsOf(options: ProductOptions, side: TileSide): number {
  const [x, y] = grid(side, options);
  return Math.max(1, Math.min(MOST_PARTS, Math.floor(ENOUGH_TILES / (x * y)), Math.floor(options.k / SHORTEST_PART)));
}

export function tileSplit(lowering: Lowering, options: ProductOptions, side: TileSide): Dispatch[] {
  const { kind, m, n, k, a, b, depthScale, rowCount, sums } = options;
  const parts = partsOf(options, side);
  const part = Math.ceil(k / parts / side) * side;
  const partial = lowering.scratch([parts, m, n]);
  const partialSums = sums && lowering.scratch([parts, m]);
  const inner: ProductOptions = { kind, m, n, k, a, b, c: { tensor: partial }, depthScale, rowCount, sums: partialSums };
  const frame = frameOf(inner, 1);
  const { software } = lowering.gpu.info;
  const write = (): KernelText => {
    const { declarations, step } = tileText(inner, side, frame.b, software);
    return {
      declarations: declarations + (rowCount ? LIMITS : ''),
      main: `${limits(rowCount !== undefined).replace('let depth = ', 'let whole = ')}${ACCUMULATORS}
  let depth = min(whole, (group.z + 1u) * p.part);
  for (var first = group.z * p.part; first < depth; first += ${side}u) {${step}
  }
${results(
        side,
        'c[(group.z * p.m + row) * p.n + column] = value;',
        sums && 'sums[group.z * p.m + row] = total;',
      )}`,
    };
  };
  const multiply: Dispatch = {
    kernel: framed(frame, `tile${4 * side}-split${software ? '-rolled' : ''}`, {
      workgroup: [side, side, 1],
      params: ['side', 'part'],
      write,
    }),
    tensors: frame.tensors,
    params: { ...frame.values, side, part },
    workgroups: [...grid(side, options), parts],
    flops: 2 * m * n * k,
  };

  // The frame of the whole product, with the parts in the places of A and (for the sums) B.
  const outer = frameOf(
    {
      ...options,
      a: { tensor: partial },
      b: { tensor: partialSums ?? partial },
      depthScale: undefined,
      rowCount: kind === 'tn' ? undefined : rowCount,
    },
    1,
  );
  const gather: Dispatch = {
    kernel: framed(outer, 'parts', {
      workgroup: [64, 1, 1],
      params: ['parts'],
      write: () => ({
        main: `
  let i = ${SPREAD_INDEX} * 64u + lane;
  let row = i / p.n;
  let column = i % p.n;
  if (row >= rowLimit()) { return; }
  var total = 0.0;
  for (var part = 0u; part < p.parts; part++) { total += a[part * p.m * p.n + i]; }
  store(row, column, total);
  ${
    sums
      ? `if (column == 0u) {
    var rowTotal = 0.0;
    for (var part = 0u; part < p.parts; part++) { rowTotal += b[part * p.m + row]; }
    storeSum(row, rowTotal);
  }`
      : ''
  }`,
      }),
    }),
    tensors: outer.tensors,
    params: { ...outer.values, parts },
    workgroups: spread(Math.ceil((m * n) / 64)),
  };
  return [multiply, gather];
}
