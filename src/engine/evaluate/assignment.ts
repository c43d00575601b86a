/** The assignment problem, by the Hungarian method with potentials (Kuhn 1955; shortest augmenting paths). */

/**
 * Assigns rows to columns one to one so that the sum of `weights` [rows, columns] is largest. Returns each row's
 * column, −1 for rows left over where there are more rows than columns. O(min² · max).
 */
export function assignMaximum(weights: ArrayLike<number>, rows: number, columns: number): Int32Array {
  const assigned = new Int32Array(rows).fill(-1);
  if (rows > columns) {
    const transposed = new Float64Array(rows * columns);
    for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) transposed[c * rows + r] = weights[r * columns + c]!;
    assignMaximum(transposed, columns, rows).forEach((row, column) => (assigned[row] = column));
    return assigned;
  }
  // Rows and columns count from 1; column 0 holds the row that is being placed.
  const rowPotential = new Float64Array(rows + 1);
  const columnPotential = new Float64Array(columns + 1);
  const rowOf = new Int32Array(columns + 1);
  const cameFrom = new Int32Array(columns + 1);
  for (let placing = 1; placing <= rows; placing++) {
    rowOf[0] = placing;
    const distance = new Float64Array(columns + 1).fill(Infinity);
    const done = new Uint8Array(columns + 1);
    let column = 0;
    do {
      done[column] = 1;
      const row = rowOf[column]!;
      let step = Infinity;
      let next = 0;
      for (let c = 1; c <= columns; c++) {
        if (done[c]) continue;
        const reduced = -weights[(row - 1) * columns + c - 1]! - rowPotential[row]! - columnPotential[c]!;
        if (reduced < distance[c]!) {
          distance[c] = reduced;
          cameFrom[c] = column;
        }
        if (distance[c]! < step) {
          step = distance[c]!;
          next = c;
        }
      }
      for (let c = 0; c <= columns; c++) {
        if (done[c]) {
          rowPotential[rowOf[c]!]! += step;
          columnPotential[c]! -= step;
        } else {
          distance[c]! -= step;
        }
      }
      column = next;
    } while (rowOf[column] !== 0);
    while (column !== 0) {
      const previous = cameFrom[column]!;
      rowOf[column] = rowOf[previous]!;
      column = previous;
    }
  }
  for (let c = 1; c <= columns; c++) if (rowOf[c] !== 0) assigned[rowOf[c]! - 1] = c - 1;
  return assigned;
}
