/**
 * Attention of the class token to the patches in one block, mean of the heads: row 0 of softmax(q kᵀ / √d), without its first
 * column (visualize_attention.py of the original).
 * @param qkv [1 + patches, 3 D] of one picture, columns as `attention` in ops has them
 * @returns [patches]
 */
export function classAttention(qkv: Float32Array, heads: number, dimension: number): Float32Array {
  const rows = qkv.length / (3 * dimension);
  const size = dimension / heads;
  const mean = new Float32Array(rows - 1);
  const scores = new Float64Array(rows);
  for (let head = 0; head < heads; head++) {
    const query = head * size;
    let most = -Infinity;
    for (let row = 0; row < rows; row++) {
      const key = row * 3 * dimension + dimension + head * size;
      let sum = 0;
      for (let i = 0; i < size; i++) sum += qkv[query + i]! * qkv[key + i]!;
      scores[row] = sum / Math.sqrt(size);
      most = Math.max(most, scores[row]!);
    }
    let total = 0;
    for (let row = 0; row < rows; row++) total += scores[row] = Math.exp(scores[row]! - most);
    for (let row = 1; row < rows; row++) mean[row - 1]! += scores[row]! / (total * heads);
  }
  return mean;
}

/** Of a map's mean: what its values have to differ by to be shown from dark to bright. */
const LEAST_SPAN = 0.25;

/**
 * A map as 0 … 255, from its least value to its greatest (as visualize_attention.py draws it). One that is nearly even, as before
 * any learning, stays so in the middle of the scale: stretched, its chance differences would look like something seen.
 */
export function attentionShades(map: Float32Array): Uint8Array {
  const least = map.reduce((a, b) => Math.min(a, b), Infinity);
  const most = map.reduce((a, b) => Math.max(a, b), -Infinity);
  const mean = map.reduce((sum, x) => sum + x, 0) / map.length;
  const span = Math.max(most - least, LEAST_SPAN * mean);
  return Uint8Array.from(map, (x) => (span > 0 ? Math.round(255 * ((x - (least + most) / 2) / span + 0.5)) : 0));
}
