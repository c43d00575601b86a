/**
 * What the host prepares for a step besides pictures: which patches are masked, as row indices sorted by (crop,
 * sample, position), and the rows that the heads and the loss see.
 */

export interface StepShape {
  /** Pictures of a micro-batch. */
  batch: number;
  globalCrops: number;
  localCrops: number;
  /** Patches of a global and of a local crop. */
  globalPatches: number;
  localPatches: number;
  /** Most masked rows of a micro-batch. */
  capacity: number;
}

export interface MaskedRows {
  /** u32 per patch row of all student crops; local crops are never masked. */
  mask: Uint32Array;
  /** Student token rows for the head: [CLS] of all crops, crop-major, then the masked patches. */
  studentIndex: Uint32Array;
  /** Teacher token rows: [CLS] of the global crops, then the masked patches. */
  teacherIndex: Uint32Array;
  /** 1 / max(1, masked patches of that sample and crop); 0 beyond the count. */
  weights: Float32Array;
  count: number;
}

/** A row that reads as zeros. */
const NO_ROW = 0xffffffff;

/**
 * @param masks one per global crop and sample, crop-major: `globalPatches` bytes, 1 = masked
 */
export function maskedRows(shape: StepShape, masks: readonly Uint8Array[]): MaskedRows {
  const { batch, globalCrops, localCrops, globalPatches, localPatches, capacity } = shape;
  const globalSequences = globalCrops * batch;
  const localSequences = localCrops * batch;
  const classRows = globalSequences + localSequences;
  const mask = new Uint32Array(globalSequences * globalPatches + localSequences * localPatches);
  const studentIndex = new Uint32Array(classRows + capacity).fill(NO_ROW);
  const teacherIndex = new Uint32Array(globalSequences + capacity).fill(NO_ROW);
  const weights = new Float32Array(capacity);
  const tokens = globalPatches + 1;
  for (let s = 0; s < globalSequences; s++) studentIndex[s] = teacherIndex[s] = s * tokens;
  const localStart = globalSequences * tokens;
  for (let s = 0; s < localSequences; s++) studentIndex[globalSequences + s] = localStart + s * (localPatches + 1);
  let count = 0;
  masks.forEach((one, s) => {
    const masked = one.reduce((sum, m) => sum + m, 0);
    if (count + masked > capacity) throw new Error(`More masked patches than the plan holds (${capacity})`);
    for (let i = 0; i < globalPatches; i++) {
      if (!one[i]) continue;
      mask[s * globalPatches + i] = 1;
      studentIndex[classRows + count] = teacherIndex[globalSequences + count] = s * tokens + 1 + i;
      weights[count++] = 1 / masked;
    }
  });
  return { mask, studentIndex, teacherIndex, weights, count };
}
