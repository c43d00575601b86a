/** One JSON object per line, appended as a run goes on. A crash can cut the last line only, which readers ignore. */
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { UserError } from '../errors';
import { fileError, writeAtomically } from './atomic';

export interface JsonLinesWriter {
  /** Appends one line. Calls may overlap: lines are written in the order of the calls. */
  append(value: object): Promise<void>;
  /** Waits for all lines and makes them durable. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Opens for appending, made if absent; what a crash left of a last line is cut off first. NaN and infinity become null. */
export async function openJsonLines(path: string): Promise<JsonLinesWriter> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'a+');
    await cutUnfinishedLine(handle);
  } catch (error) {
    throw fileError(error, path);
  }
  let last: Promise<void> = Promise.resolve();
  const enqueue = (work: () => Promise<void>): Promise<void> => {
    const next = last.then(work).catch((error: unknown) => {
      throw fileError(error, path);
    });
    // A failed line is reported to its caller; the lines after it are still tried.
    last = next.catch(() => undefined);
    return next;
  };
  return {
    append: (value) => {
      const line = `${JSON.stringify(value)}\n`;
      return enqueue(() => handle.appendFile(line));
    },
    flush: () => enqueue(() => handle.sync()),
    close: () => enqueue(() => handle.close()),
  };
}

async function cutUnfinishedLine(handle: FileHandle): Promise<void> {
  const PIECE = 65_536;
  const { size } = await handle.stat();
  const piece = Buffer.alloc(PIECE);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - PIECE);
    await handle.read(piece, 0, end - start, start);
    const newline = piece.subarray(0, end - start).lastIndexOf(0x0a);
    if (newline >= 0 || start === 0) {
      const keep = start + newline + 1;
      if (keep < size) await handle.truncate(keep);
      return;
    }
    end = start;
  }
}

/** The file's values in order, one at a time. A cut last line is left out; a broken one elsewhere is a UserError. */
export async function* readJsonLines(path: string): AsyncGenerator<unknown, void, undefined> {
  for await (const { value } of readLines(path)) yield value;
}

async function* readLines(path: string): AsyncGenerator<{ text: string; value: unknown }, void, undefined> {
  const lines = createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Infinity });
  let number = 0;
  let broken = 0;
  try {
    for await (const text of lines) {
      number++;
      if (broken > 0) throw new UserError(`Line ${broken} of ${path} is not JSON: repair or remove that line.`);
      if (text.trim() === '') continue;
      try {
        yield { text, value: JSON.parse(text) as unknown };
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        broken = number;
      }
    }
  } catch (error) {
    throw fileError(error, path);
  } finally {
    lines.close();
  }
}

/** Rewrites the file with only the lines whose value `keep` accepts: a resumed run drops what came after its checkpoint. */
export function truncateJsonLines(path: string, keep: (value: unknown) => boolean): Promise<void> {
  return writeAtomically(path, async (handle) => {
    let batch: string[] = [];
    for await (const { text, value } of readLines(path)) {
      if (keep(value)) batch.push(`${text}\n`);
      if (batch.length >= 1000) {
        await handle.writeFile(batch.join(''));
        batch = [];
      }
    }
    await handle.writeFile(batch.join(''));
  });
}
