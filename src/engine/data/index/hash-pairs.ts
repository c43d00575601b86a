/**
 * Pairs of hashes of 64 bits that differ in few bits. Each hash is cut into four bands of 16 bits: where two hashes differ in at
 * most 7 bits, some band differs in at most one, so that looking up each band and its 16 neighbours finds every such pair.
 * (Multi-index hashing; Norouzi, Punjani, Fleet 2012.)
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { bitCount, differingBits } from '../picture-hash';

/** Differing bits up to which all pairs are found. */
export const MOST_BITS = 7;
/** Of pictures alike in large numbers (blank ones), each is compared with so many others of a band at most. */
const MOST_CANDIDATES = 4096;
/** Hashes between two looks at the clock. */
const STRIDE = 256;

export interface HashPairs {
  /** Places in the hashes: first, second, bits; one triple after the other, first < second. */
  readonly pairs: Uint32Array;
  /** Bits to the nearest other hash, per hash; 255 where it is farther than `MOST_BITS`. */
  readonly nearest: Uint8Array;
}

export interface PairsProgress {
  readonly signal: AbortSignal;
  report(done: number): void;
}

/** @param low and @param high words of hashes that are all different. @throws the signal's reason */
export async function findHashPairs(low: Uint32Array, high: Uint32Array, progress: PairsProgress): Promise<HashPairs> {
  const count = low.length;
  const bands = [0, 1, 2, 3].map((band) => buckets(low, high, band));
  const nearest = new Uint8Array(count).fill(255);
  const found: number[] = [];
  const metBy = new Int32Array(count).fill(-1);
  let pause = Date.now() + 20;
  for (let i = 0; i < count; i++) {
    if (i % STRIDE === 0 && Date.now() > pause) {
      progress.signal.throwIfAborted();
      progress.report(i);
      await nextTurn();
      pause = Date.now() + 20;
    }
    for (let band = 0; band < 4; band++) {
      const { starts, members } = bands[band]!;
      const own = bandOf(low, high, i, band);
      for (let bit = -1; bit < 16; bit++) {
        const key = bit < 0 ? own : own ^ (1 << bit);
        const end = Math.min(starts[key + 1]!, starts[key]! + MOST_CANDIDATES);
        for (let at = starts[key]!; at < end; at++) {
          const j = members[at]!;
          if (j <= i || metBy[j] === i) continue;
          metBy[j] = i;
          const bits = bitCount(low[i]! ^ low[j]!) + bitCount(high[i]! ^ high[j]!);
          if (bits > MOST_BITS) continue;
          found.push(i, j, bits);
          if (bits < nearest[i]!) nearest[i] = bits;
          if (bits < nearest[j]!) nearest[j] = bits;
        }
      }
    }
  }
  return { pairs: Uint32Array.from(found), nearest };
}

const bandOf = (low: Uint32Array, high: Uint32Array, i: number, band: number): number =>
  ((band < 2 ? low[i]! : high[i]!) >>> (16 * (band & 1))) & 0xffff;

function buckets(low: Uint32Array, high: Uint32Array, band: number): { starts: Uint32Array; members: Uint32Array } {
  const starts = new Uint32Array(65537);
  for (let i = 0; i < low.length; i++) starts[bandOf(low, high, i, band) + 1]!++;
  for (let key = 0; key < 65536; key++) starts[key + 1]! += starts[key]!;
  const places = starts.slice(0, 65536);
  const members = new Uint32Array(low.length);
  for (let i = 0; i < low.length; i++) members[places[bandOf(low, high, i, band)]!++] = i;
  return { starts, members };
}

/** Pictures that are compared with all others, where there are more. */
const SAMPLE = 2000;

/**
 * How far hashes are from their nearest, in bits, 0 … 25 counted in `counts[bits]`, what is farther left out. Beyond `MOST_BITS`
 * a sample stands for all where there are many.
 */
export async function nearestCounts(
  low: Uint32Array,
  high: Uint32Array,
  nearest: Uint8Array,
  signal: AbortSignal,
): Promise<Float64Array> {
  const counts = new Float64Array(26);
  const far: number[] = [];
  nearest.forEach((bits, i) => (bits <= MOST_BITS ? counts[bits]!++ : far.push(i)));
  const step = Math.max(1, Math.floor(far.length / SAMPLE));
  for (let k = 0; k < far.length; k += step) {
    if (k % (16 * step) === 0) {
      signal.throwIfAborted();
      await nextTurn();
    }
    const i = far[k]!;
    let least = 64;
    for (let j = 0; j < low.length; j++) {
      if (j === i) continue;
      const bits = differingBits(low[i]!, high[i]!, low[j]!, high[j]!);
      if (bits < least) least = bits;
    }
    if (least <= 25) counts[least]! += Math.min(step, far.length - k);
  }
  return counts;
}
