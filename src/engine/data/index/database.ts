/**
 * The library's database. Paths, notes and settings of datasets are rows; what is a number per picture lies in pages of 1,024
 * pictures, packed column by column, since a million rows take seconds to read and their pages a tenth of one.
 */
import Database from 'libsql';
import { UserError } from '../../errors';

export type Sql = Database.Database;

/** One entry per version: what makes it of the one before. Never change an entry, add one. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE dataset (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, record TEXT NOT NULL);
   CREATE TABLE path (dataset INTEGER, picture INTEGER, path TEXT NOT NULL, folded TEXT, PRIMARY KEY (dataset, picture)) WITHOUT ROWID;
   CREATE UNIQUE INDEX path_text ON path (dataset, path);
   CREATE TABLE page (dataset INTEGER, page INTEGER, columns BLOB NOT NULL, PRIMARY KEY (dataset, page));
   CREATE TABLE hash_page (dataset INTEGER, page INTEGER, columns BLOB NOT NULL, PRIMARY KEY (dataset, page));
   CREATE TABLE note (dataset INTEGER, picture INTEGER, kind TEXT, message TEXT NOT NULL, decoder TEXT,
     PRIMARY KEY (dataset, picture, kind)) WITHOUT ROWID;
   CREATE TABLE loose_problem (id INTEGER PRIMARY KEY, dataset INTEGER, kind TEXT NOT NULL, path TEXT NOT NULL,
     message TEXT NOT NULL, seen INTEGER NOT NULL, generation INTEGER NOT NULL);
   CREATE INDEX loose_problem_dataset ON loose_problem (dataset);
   CREATE TABLE attribute (dataset INTEGER, generation INTEGER, place INTEGER, name TEXT NOT NULL, kind TEXT NOT NULL,
     vocabulary TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (dataset, generation, place));
   CREATE TABLE duplicate_search (dataset INTEGER PRIMARY KEY, at INTEGER NOT NULL, pairs BLOB NOT NULL, nearest BLOB NOT NULL);
   CREATE TABLE duplicate_choice (dataset INTEGER, picture INTEGER, keep INTEGER NOT NULL, PRIMARY KEY (dataset, picture)) WITHOUT ROWID;
   CREATE TABLE separation (id INTEGER PRIMARY KEY, dataset INTEGER, pictures BLOB NOT NULL);
   CREATE TABLE measurement (dataset INTEGER PRIMARY KEY, record TEXT NOT NULL, means BLOB NOT NULL);`,
];
/** Tables whose rows belong to a dataset. */
const TABLES = [
  'path',
  'page',
  'hash_page',
  'note',
  'loose_problem',
  'attribute',
  'duplicate_search',
  'duplicate_choice',
  'separation',
  'measurement',
] as const;

/** Opens the database, makes it, or brings it to the present version. @throws UserError for one of a later version */
export function openDatabase(file: string): Sql {
  const sql = new Database(file, { timeout: 10_000 });
  // A crash of the program loses nothing; of the machine, the last moments of an index at most.
  sql.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32000;');
  const { user_version: version } = sql.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version > MIGRATIONS.length) {
    sql.close();
    throw new UserError(`${file} was made by a later version of the program: update the program, or choose another library.`);
  }
  for (let next = version; next < MIGRATIONS.length; next++) {
    inTransaction(sql, () => sql.exec(`${MIGRATIONS[next]!}\nPRAGMA user_version = ${next + 1};`));
  }
  return sql;
}

/** All of it, or nothing. */
export function inTransaction<T>(sql: Sql, work: () => T): T {
  if (sql.inTransaction) return work();
  sql.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    sql.exec('COMMIT');
    return result;
  } catch (error) {
    if (sql.inTransaction) sql.exec('ROLLBACK');
    throw error;
  }
}

/** Forgets everything about a dataset. */
export function deleteDataset(sql: Sql, number: number): void {
  inTransaction(sql, () => {
    for (const table of TABLES) sql.prepare(`DELETE FROM ${table} WHERE dataset = ?`).run(number);
    sql.prepare('DELETE FROM dataset WHERE number = ?').run(number);
  });
}

/** Numbers as the JSON text that `json_each` takes. */
export const jsonOf = (numbers: Iterable<number>): string => `[${[...numbers].join(',')}]`;
