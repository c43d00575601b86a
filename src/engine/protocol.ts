/**
 * The contract between the engine and what looks at it: the desktop's window and main process, the browser of `ibot serve`,
 * tests. Schemas and the types that follow from them; it knows no transport, and imports nothing of the engine but its errors.
 *
 * - `methods`: name → schemas of params and result. Each says in a comment what it does, and which error codes to expect.
 * - `topics`: name → schema of the value that comes with each event.
 * - `desktop.*`: what Electron's main process does; the same messages.
 * Units unless said otherwise: bytes, seconds, pixels, times in milliseconds since 1970. Null says "there is none", a missing
 * field "not given". Numbers in bulk are typed arrays. A measured single number that is not finite is null.
 *
 * Bytes for a WebSocket are made in `protocol/wire`, which is imported by itself, since windows on a port need it not.
 */
export * from './protocol/messages';
export {
  datasetId,
  MOST_PICTURES,
  MOST_ROWS,
  pictureId,
  runName,
  type Histogram,
  type Image,
  type OptionValue,
  type OptionValues,
  type PatchMap,
  type Range,
} from './protocol/values';
export * from './protocol/engine';
export * from './protocol/devices';
export * from './protocol/library';
export * from './protocol/tasks';
export * from './protocol/datasets';
export * from './protocol/pictures';
export * from './protocol/problems';
export * from './protocol/duplicates';
export * from './protocol/statistics';
export * from './protocol/recipes';
export * from './protocol/runs';
export * from './protocol/monitor';
export * from './protocol/desktop';
export * from './protocol/tables';
