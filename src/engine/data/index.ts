/**
 * From a folder of pictures to batches: scanning, labels, the run's manifest, order, crops, decoding in threads.
 * Folders are read in place and never written to. Knows no model; what the crops say is carried out on the device.
 */
export { BatchLoader, type Batch, type BatchLoaderOptions } from './batch';
export { touchedPictures } from './touched-pictures';
export {
  CROP_WORDS,
  drawBox,
  drawCrops,
  encodeCrops,
  largestShrink,
  type Box,
  type Crop,
  type CropOptions,
  type Jitter,
  type PlacedPicture,
} from './crops';
export { cropPixels } from './crop-pixels';
export { decodePicture, readPictureFile, type DecodedPicture, type DecodeOptions } from './decode';
export { PICTURE_PIXELS, runDecodeJob } from './decode-job';
export type { CropJob, DecodeJob, DecodeResults, PackedPicture, SquareJob } from './decode-job';
export { DecodePool, type DecodePoolOptions } from './decode-pool';
export { evaluationShortSide, readForEvaluation, readThumbnail, resizeAndCrop, type ReadOptions } from './evaluation-reader';
export { isInside, placeInside, scanFolder, type FoundPicture, type Scan } from './folder';
export { writeLabelsFile } from './labels-file';
export { csvLabels, folderLabels, type CsvLabels, type PictureLabel, type Split } from './labels';
export {
  makeManifest,
  picturePath,
  readManifest,
  splitIndices,
  writeManifest,
  type Manifest,
  type ManifestOptions,
  type ManifestPicture,
} from './manifest';
export { epochOrder, holdOut } from './order';
export { medianShortSide } from './picture-sizes';
export { holdsPictures, PicturesGoneError, requirePictures } from './pictures-gone';
export { PictureError, type Problem } from './problems';
export { resample, type Raster } from './resample';
export { standIns } from './stand-ins';
