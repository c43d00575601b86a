/** Why a picture (or a folder) could not be used. `path` is relative to the set's root, with '/' between its parts. */
export interface Problem {
  readonly path: string;
  readonly reason: string;
}

/** One picture that cannot be read. The reason is short and plain: it goes into a list that the user sees. */
export class PictureError extends Error {
  constructor(readonly reason: string) {
    super(reason);
    this.name = 'PictureError';
  }
}

/** The reason for a failed read of the file system, in words. */
export function fileReason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'gone';
    case 'EACCES':
    case 'EPERM':
      return 'no permission to read it';
    case 'ELOOP':
      return 'a link that leads in a circle';
    case 'ENAMETOOLONG':
      return 'its path is too long';
    default:
      return code ? `cannot be read (${code})` : 'cannot be read';
  }
}
