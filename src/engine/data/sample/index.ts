/**
 * Sample pictures: a labelled, licence-free set drawn by the program itself, for first runs, tests and the welcome page.
 * `objects/` says what each class looks like, `textures` and `shapes` what things are made of, `canvas` renders,
 * `backdrop` and `compose` make a picture, `file` its bytes, `make` writes a folder of them.
 */
export { drawSample } from './compose';
export type { SampleKey, SamplePicture } from './compose';
export { sampleFile } from './file';
export { makeSample } from './make';
export type { SampleOptions, SampleResult } from './make';
export { sampleClasses } from './objects';
