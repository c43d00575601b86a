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
