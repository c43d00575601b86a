/**
 * File formats, written and read by hand: safetensors, NumPy arrays, TensorBoard events, lines of JSON, and the
 * atomic replacement of a file. Nothing here knows a model; what is read from disk is treated as hostile.
 */
export { fileError, writeAtomically, writeFileAtomic } from './atomic';
export { openJsonLines, readJsonLines, truncateJsonLines, type JsonLinesWriter } from './jsonl';
export { openNpyWriter, parseNpy, readNpy, writeNpy, type NpyArray, type NpyData, type NpyWriter } from './npy';
export {
  openSafetensors,
  readSafetensors,
  toFloat32,
  writeSafetensors,
  writeSafetensorsTo,
  type SafetensorsContents,
  type SafetensorsFile,
  type StoredTensor,
} from './safetensors';
export {
  bytesPerElement,
  DamagedFileError,
  type SafetensorsEntry,
  type StoredDtype,
  type TensorBytes,
  type TensorHeader,
} from './safetensors-header';
export { openEventFile, readEvents, truncateEvents, type EventFile, type LoggedEvent } from './tensorboard';
