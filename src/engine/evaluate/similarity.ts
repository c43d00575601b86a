/** Cosine similarities between two sets of features on the CPU, block by block, never the whole matrix. */
import { createDotProducts, TILE_COLUMNS, TILE_ROWS } from './dot-products';

/** Rows per block: a block of each set and its similarities stay in the processor's caches. */
const QUERY_BLOCK = 64;
const BANK_BLOCK = 512;

/** Rows [count, dimension] divided by their length; rows of zeros stay zeros (length at least 1e-12, as torch's). */
export function normalisedRows(features: Float32Array, dimension: number): Float32Array {
  const out = new Float32Array(features.length);
  for (let start = 0; start < features.length; start += dimension) {
    let squares = 0;
    for (let i = start; i < start + dimension; i++) squares += features[i]! * features[i]!;
    const scale = 1 / Math.max(Math.sqrt(squares), 1e-12);
    for (let i = start; i < start + dimension; i++) out[i] = features[i]! * scale;
  }
  return out;
}

/** One block of dot products: that of query `query + i` and bank row `bank + j` is `values[i * stride + j]`. */
export interface SimilarityBlock {
  query: number;
  queries: number;
  bank: number;
  banks: number;
  values: Float32Array;
  stride: number;
}

/**
 * Dot products of every row of `queries` with every row of `bank` (both [rows, dimension]), given to `visit` in blocks:
 * all blocks of the first 64 queries, then of the next. `values` is reused. Between two rows of blocks other work of
 * the process gets its turn.
 */
export async function forEachSimilarity(
  queries: Float32Array,
  bank: Float32Array,
  dimension: number,
  visit: (block: SimilarityBlock) => void,
  signal?: AbortSignal,
): Promise<void> {
  const queryRows = queries.length / dimension;
  const bankRows = bank.length / dimension;
  // Rows are padded with zeros to whole vectors of 4 values.
  const row = Math.ceil(dimension / 4) * 4;
  const sizes = [QUERY_BLOCK * row, BANK_BLOCK * row, QUERY_BLOCK * BANK_BLOCK] as const;
  const { memory, tile } = createDotProducts(4 * (sizes[0] + sizes[1] + sizes[2]));
  const bankAddress = 4 * sizes[0];
  const valuesAddress = bankAddress + 4 * sizes[1];
  const queryBlock = new Float32Array(memory.buffer, 0, sizes[0]);
  const bankBlock = new Float32Array(memory.buffer, bankAddress, sizes[1]);
  const values = new Float32Array(memory.buffer, valuesAddress, sizes[2]);
  for (let query = 0; query < queryRows; query += QUERY_BLOCK) {
    const queryCount = Math.min(QUERY_BLOCK, queryRows - query);
    loadBlock(queryBlock, queries, query, queryCount, dimension, row);
    for (let first = 0; first < bankRows; first += BANK_BLOCK) {
      const bankCount = Math.min(BANK_BLOCK, bankRows - first);
      loadBlock(bankBlock, bank, first, bankCount, dimension, row);
      for (let j = 0; j < bankCount; j += TILE_COLUMNS) {
        for (let i = 0; i < queryCount; i += TILE_ROWS) {
          const out = valuesAddress + 4 * (i * BANK_BLOCK + j);
          tile(4 * i * row, bankAddress + 4 * j * row, 4 * row, out, 4 * BANK_BLOCK);
        }
      }
      visit({ query, queries: queryCount, bank: first, banks: bankCount, values, stride: BANK_BLOCK });
    }
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
  }
}

/** Copies rows to the front of `block` and zeros behind them, so that the tiles never look at an edge. */
function loadBlock(
  block: Float32Array,
  from: Float32Array,
  first: number,
  rows: number,
  dimension: number,
  row: number,
): void {
  if (row === dimension) {
    block.set(from.subarray(first * dimension, (first + rows) * dimension));
  } else {
    for (let i = 0; i < rows; i++) {
      block.set(from.subarray((first + i) * dimension, (first + i + 1) * dimension), i * row);
    }
  }
  block.fill(0, rows * row);
}
