/** `warnings.jsonl` in a run's folder: what the process that trains it, or trained it last, warned of. */
import { appendFileSync, rmSync } from 'node:fs';
import { z } from 'zod';
import { fileError } from '../formats';
import { WARNING_CODES } from './events';

const schema = z.object({
  code: z.enum(WARNING_CODES),
  message: z.string(),
  step: z.number(),
  /** Seconds since 1970. */
  time: z.number(),
});
export type RecordedWarning = z.infer<typeof schema>;

export const WARNINGS_FILE = 'warnings.jsonl';

/** Undefined for a line that is none, or of a later version. */
export function parseWarning(line: string): RecordedWarning | undefined {
  try {
    return schema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/** At once, as lines of the log are. */
export function recordWarning(file: string, { code, message, step }: Omit<RecordedWarning, 'time'>): void {
  try {
    appendFileSync(file, `${JSON.stringify({ code, message, step, time: Date.now() / 1000 })}\n`);
  } catch (error) {
    throw fileError(error, file);
  }
}

/** The run goes on: what an earlier process warned of stands in the log alone. */
export function removeWarnings(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch (error) {
    throw fileError(error, file);
  }
}
