/** What the workbench writes about a run beside its own files: the dataset it came from, tags, a note. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../formats';

const schema = z.object({
  /** Null: not of a dataset of this library. */
  dataset: z.string().nullable().catch(null),
  datasetName: z.string().nullable().catch(null),
  tags: z.array(z.string()).catch([]),
  note: z.string().catch(''),
  /** When warnings of a code were last seen, milliseconds since 1970. */
  seenWarnings: z.record(z.string(), z.number()).catch({}),
});
export type RunNotes = z.infer<typeof schema>;

export const NO_NOTES: RunNotes = { dataset: null, datasetName: null, tags: [], note: '', seenWarnings: {} };
const fileOf = (folder: string): string => join(folder, 'workbench.json');

export async function readNotes(folder: string): Promise<RunNotes> {
  try {
    return schema.parse(JSON.parse(await readFile(fileOf(folder), 'utf8')));
  } catch {
    return NO_NOTES;
  }
}

export const writeNotes = (folder: string, notes: RunNotes): Promise<void> =>
  writeFileAtomic(fileOf(folder), `${JSON.stringify(notes, null, 2)}\n`);
