/**
 * The library's folder, and the one queue in front of the one device: which long job runs, which wait, also those of other
 * processes on the same library.
 */
export { holdLibrary } from './library-lock';
export { labelsFile, libraryFolders, libraryOfRun, openLibrary, type LibraryFolders } from './library';
export { JobQueue } from './job-queue';
export type { Going, JobOutcome, JobQueueOptions, NewJob, Orphan } from './job';
export { isHeld, isOurs, QueueFile, type StoredJob, type StoredQueue } from './queue-file';
export { waitForTurn, type Turn, type TurnRequest } from './turn';
