/** Paths of a dataset's pictures. Case is ignored as people expect, beyond ASCII too. */
import { jsonOf, type Sql } from './database';

/** Rows given to the database at a time, so that nobody waits long. */
const AT_ONCE = 2000;

/** What SQLite's LIKE does not see: kept only where folding changes more than A to Z. */
function foldedOf(path: string): string | null {
  const folded = path.toLowerCase();
  return folded === path.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) ? null : folded;
}

export class Paths {
  constructor(
    private readonly sql: Sql,
    private readonly dataset: number,
  ) {}

  /** Gives the pictures from `first` on their paths. Lets others work in between. */
  async append(first: number, paths: readonly string[]): Promise<void> {
    const put = this.sql.prepare(`INSERT INTO path SELECT ?, value->>0, value->>1, value->>2 FROM json_each(?)`);
    for (let from = 0; from < paths.length; from += AT_ONCE) {
      const rows = paths.slice(from, from + AT_ONCE).map((path, i) => [first + from + i, path, foldedOf(path)]);
      put.run(this.dataset, JSON.stringify(rows));
      await new Promise(setImmediate);
    }
  }

  /** Of given pictures, in their order. Pictures that are none are passed over by callers. */
  of(pictures: ArrayLike<number>): string[] {
    const wanted = Array.from(pictures);
    const found = this.sql
      .prepare('SELECT picture, path FROM path WHERE dataset = ? AND picture IN (SELECT value FROM json_each(?))')
      .raw()
      .all(this.dataset, jsonOf(wanted)) as [number, string][];
    const byId = new Map(found);
    return wanted.map((picture) => byId.get(picture) ?? '');
  }

  one(picture: number): string | undefined {
    const row = this.sql.prepare('SELECT path FROM path WHERE dataset = ? AND picture = ?').get(this.dataset, picture);
    return (row as { path: string } | undefined)?.path;
  }

  /** All, by id: the path of picture i is at i. */
  async all(length: number): Promise<string[]> {
    const paths: string[] = new Array<string>(length).fill('');
    const part = this.sql.prepare(
      'SELECT json_group_array(path) AS paths FROM (SELECT path FROM path WHERE dataset = ? AND picture >= ? AND picture < ? ORDER BY picture)',
    );
    for (let from = 0; from < length; from += 50_000) {
      const { paths: text } = part.get(this.dataset, from, from + 50_000) as { paths: string };
      (JSON.parse(text) as string[]).forEach((path, i) => (paths[from + i] = path));
      await new Promise(setImmediate);
    }
    return paths;
  }

  /** Id of a path, null for none; in the order given. */
  find(paths: readonly string[]): (number | null)[] {
    const get = this.sql.prepare('SELECT picture FROM path WHERE dataset = ? AND path = ?');
    return paths.map((path) => (get.get(this.dataset, path) as { picture: number } | undefined)?.picture ?? null);
  }

  /** Pictures whose path contains the text, case ignored. */
  containing(text: string): Uint32Array {
    const { ids } = this.sql
      .prepare(`SELECT json_group_array(picture) AS ids FROM path WHERE dataset = ? AND ${CONTAINS}`)
      .get(this.dataset, ...containsParameters(text)) as { ids: string };
    return Uint32Array.from(JSON.parse(ids) as number[]);
  }
}

/** The condition, for a table `path`. */
export const CONTAINS = `(path LIKE ? ESCAPE '\\' OR folded LIKE ? ESCAPE '\\')`;
export function containsParameters(text: string): [string, string] {
  const escape = (part: string): string => `%${part.replace(/[\\%_]/g, (sign) => `\\${sign}`)}%`;
  return [escape(text), escape(text.toLowerCase())];
}
