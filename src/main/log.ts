import { appendFileSync, existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const rotateAtBytes = 4 << 20;

/** The program's log file: one line per event, at most two files of 4 MiB. Failing to log never stops anything. */
export class Log {
  constructor(readonly file: string) {
    try {
      mkdirSync(dirname(file), { recursive: true });
      if (existsSync(file) && statSync(file).size > rotateAtBytes) renameSync(file, `${file}.1`);
    } catch {
      // No log, then.
    }
  }

  write(where: string, text: string): void {
    try {
      appendFileSync(this.file, `${new Date().toISOString()} ${where}: ${text.trimEnd()}\n`);
    } catch {
      // A full disk is told elsewhere.
    }
  }
}
