/**
 * The product's form for software devices, where every access to a storage buffer costs a loop over the lanes and
 * workgroup memory no less. A workgroup is one subgroup. It owns 4 columns per lane and a band of rows, keeps a tile of
 * B (its columns, a stretch of k) in a private array that is indexed by constants, and streams the band's rows of A past
 * it: the lanes load a row's stretch once between them and hand it round by subgroup operations, so one vector load of A
 * serves 16 multiply-adds of every lane. B is turned while its tile is filled (nt); A is transposed beforehand (tn).
 */
import type { Gpu } from '../gpu';
import type { Dispatch, Lowering } from '../graph';
import { aligned, denseStrides, framed, frameOf, type ProductOptions } from './product-frame';
import { transpose } from './transpose';

/** Rows per workgroup: the longer, the less it costs to fill B's tiles. */
const LONGEST_BAND = 400;
const SHORTEST_BAND = 32;
/** So many workgroups at least, where the matrix gives them, keep all cores of a software device busy. */
const ENOUGH_WORKGROUPS = 8;

export function lanesAvailable(gpu: Gpu, options: ProductOptions): boolean {
  const { kind, m, n, k, a, b, c } = options;
  const lanes = gpu.info.subgroupSize;
  const dense = denseStrides(options);
  return (
    gpu.info.software &&
    (lanes === 4 || lanes === 8 || lanes === 16) &&
    n % 4 === 0 &&
    (kind === 'tn' ? m % 4 === 0 : k % 4 === 0) &&
    aligned(a, dense.a) &&
    aligned(b, dense.b) &&
    aligned(c, n)
  );
}

/** Length of the stretches of k: little is lost in the last one, and few rounds through C. */
function stretchFor(k: number, lanes: number): number {
  const cost = (length: number): number => Math.ceil(k / length) * (length + 12);
  return [128, 96, 64, 32]
    .filter((length) => length % (4 * lanes) === 0)
    .reduce((best, length) => (cost(length) < cost(best) ? length : best));
}

export function lanes(lowering: Lowering, options: ProductOptions): Dispatch[] {
  const { kind, m, n, k, accumulate = false, sums } = options;
  if (kind !== 'tn') return [streamed(lowering.gpu, options, accumulate)];
  const { depthScale, rowCount } = options;
  const stride = Math.ceil(k / 4) * 4;
  const turned = lowering.scratch([m, stride]);
  return [
    transpose({ x: options.a, rows: k, columns: m, y: turned, scale: depthScale, rowCount }),
    streamed(
      lowering.gpu,
      { kind, m, n, k, a: { tensor: turned, stride }, b: options.b, c: options.c, epilogue: options.epilogue, rowCount, sums },
      accumulate,
    ),
  ];
}

/** A is [m, k] here for every kind, with zeros up to a multiple of 4 in k. */
function streamed(gpu: Gpu, options: ProductOptions, accumulate: boolean): Dispatch {
  const { m, n, k } = options;
  const size = gpu.info.subgroupSize;
  const length = stretchFor(k, size);
  // The values so far are read before a stretch, so `store` never adds.
  const frame = frameOf({ ...options, accumulate: false }, 4);
  const columnGroups = Math.ceil(n / (4 * size));
  const bands = Math.max(
    Math.ceil(m / LONGEST_BAND),
    Math.min(Math.ceil(ENOUGH_WORKGROUPS / columnGroups), Math.ceil(m / SHORTEST_BAND)),
  );
  const band = Math.ceil(m / bands);
  const kernel = framed(frame, `lanes${size}-${length}${accumulate ? '+from-c' : ''}`, {
    enables: ['subgroups'],
    workgroup: [size, 1, 1],
    params: ['band'],
    write: () => ({ main: streamedText(options, frame.b, { size, length, accumulate }) }),
  });
  return {
    kernel,
    tensors: frame.tensors,
    params: { ...frame.values, band },
    workgroups: [columnGroups, bands, 1],
    flops: 2 * m * n * k,
  };
}

function streamedText(
  { kind, sums }: ProductOptions,
  nameOfB: string,
  { size, length, accumulate }: { size: number; length: number; accumulate: boolean },
): string {
  const perLane = length / 4 / size;
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
  // With 8 lanes a shuffle by a constant is one instruction; with other counts it is a loop and the broadcast is not.
  const pass = size === 8 ? 'subgroupShuffle' : 'subgroupBroadcast';
  const fill =
    kind === 'nt'
      ? `
    var r0 = vec4f(); var r1 = vec4f(); var r2 = vec4f(); var r3 = vec4f();
    for (var i = 0u; i < ${length}u; i++) {
      if ((i & 3u) == 0u) {
        let read = inside && first + i < depth;
        let at = p.bOffset + column * 4u * p.bStride + (first + i) / 4u;
        r0 = select(vec4f(), ${nameOfB}[at], read);
        r1 = select(vec4f(), ${nameOfB}[at + p.bStride], read);
        r2 = select(vec4f(), ${nameOfB}[at + 2u * p.bStride], read);
        r3 = select(vec4f(), ${nameOfB}[at + 3u * p.bStride], read);
      }
      // One store with a running index: each such place takes seconds to compile.
      tile[i] = vec4f(r0.x, r1.x, r2.x, r3.x);
      r0 = r0.yzwx; r1 = r1.yzwx; r2 = r2.yzwx; r3 = r3.yzwx;
    }`
      : `
    for (var i = 0u; i < ${length}u; i++) {
      var v = vec4f();
      if (inside && first + i < depth) { v = ${nameOfB}[p.bOffset + (first + i) * p.bStride + column]; }
      tile[i] = v;
    }`;
  const loads = numbers(perLane).map(
    (q) => `      let a${q} = select(vec4f(), a[at + ${q}u], quad + ${q}u < quads);`,
  );
  const steps = numbers(length / 4).map((j) => {
    const [from, q] = [Math.floor(j / perLane), j % perLane];
    const name = `s${j}`;
    return [
      `      let ${name} = ${pass}(a${q}, ${from}u);`,
      `      let t${j + 1} = t${j} + ((${name}.x * tile[${4 * j}] + ${name}.y * tile[${4 * j + 1}])`,
      `        + (${name}.z * tile[${4 * j + 2}] + ${name}.w * tile[${4 * j + 3}]));`,
    ].join('\n');
  });
  const started = accumulate ? 'true' : 'first > 0u';
  const rowSum = `
      if (group.x == 0u) {
        let total = subgroupAdd(dot(${numbers(perLane).map((q) => `a${q}`).join(' + ')}, vec4f(1.0)));
        if (lane == 0u) { storeSum(r, select(0.0, sums[r], ${started}) + total); }
      }`;
  // All loop bounds are the same for the whole workgroup, but one may come from a buffer, which the compiler mistrusts.
  return `
  let column = group.x * ${size}u + lane;
  let inside = column < p.n / 4u;
  let depth = depthLimit();
  let quads = (depth + 3u) / 4u;
  let begin = group.y * p.band;
  let end = min(begin + p.band, rowLimit());
  var tile: array<vec4f, ${length}>;
  @diagnostic(off, subgroup_uniformity)
  for (var first = 0u; first == 0u || first < depth; first += ${length}u) {${fill}
    let last = first + ${length}u >= depth;
    for (var r = begin; r < end; r++) {
      let quad = first / 4u + lane * ${perLane}u;
      let at = p.aOffset + r * p.aStride + quad;
${loads.join('\n')}
      let out = p.cOffset + r * p.cStride + column;
      var t0 = vec4f();
      if (inside && (${started})) { t0 = c[out]; }
${steps.join('\n')}
      if (inside) {
        if (last) { store(r, column, t${length / 4}); } else { c[out] = t${length / 4}; }
      }${sums ? rowSum : ''}
    }
  }`;
}
