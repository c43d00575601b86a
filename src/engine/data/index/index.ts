/**
 * The index of datasets in the library's database: what is in a folder, its classes and split, what is left out, problems,
 * duplicates, statistics, thumbnails. Numbers of pictures lie in memory column by column; the database keeps them in pages.
 */
export { FORMATS } from '../picture-look';
export { differingBits } from '../picture-hash';
export { Flag, FORMAT_SHIFT, isListed, isUsed, useOf } from './columns';
export { IndexedDataset, type PictureRows, type ShownList } from './dataset';
export { DatasetIndex, realFolder } from './dataset-index';
export {
  bitsAt,
  DEFAULT_THRESHOLD,
  groupsOf,
  isOutdated,
  lastSearch,
  refreshGroupCount,
  sameContent,
  searchDuplicates,
  shownGroups,
  similarityOf,
  toLeaveOut,
  type DuplicateGroup,
  type ShownGroups,
} from './duplicates';
export { attributeColumn, attributeValues, facetsOf } from './facets';
export type { Filter } from './filter';
export { edgesBetween } from './histogram';
export { keptOf, type KeepRule } from './keep-rule';
export { applyLabels, classNames, readLabels, setClassNames } from './labels';
export { lastMeasurement, measure, meanPicture, measurementKey } from './measurement';
export { PROBLEM_WORDS, type ProblemKind } from './problem-kinds';
export { firstKind, noteBroken, picturesOf, problemGroups, problemRows, problemTable, rowsOf, seeProblems } from './problem-list';
export type { DatasetRecord, HoldOutRule, LabelSource } from './record';
export { lookAt, scanDataset, type ScanContext } from './scan';
export type { Sort } from './sort';
export { drawSplit } from './split';
export { sizeStatistics, statisticsTable, usedPictures } from './statistics';
export { THUMBNAIL_SIZES, Thumbnails } from './thumbnails';
