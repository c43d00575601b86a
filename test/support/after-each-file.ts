/** Runs before every test file, in its process: what is said here holds for all of them. */
import { afterAll } from 'vitest';
import { removeTemporaryFolders } from './temporary-folder';

// Told first, so carried out last: after what the file itself closes.
afterAll(removeTemporaryFolders);
