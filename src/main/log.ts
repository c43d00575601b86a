import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const rotateAtBytes = 4 << 20;

/** The program's log file: one line per event, at most two files of 4 MiB. Failing to log never stops anything. */
export class Log {
  #bytes = 0;

  constructor(readonly file: string) {
    try {
      mkdirSync(dirname(file), { recursive: true });
      this.#bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    } catch {
      // No log, then.
    }
  }

  write(where: string, text: string): void {
    const line = `${new Date().toISOString()} ${where}: ${text.trimEnd()}\n`;
    try {
      if (this.#bytes > rotateAtBytes) {
        renameSync(this.file, `${this.file}.1`);
        this.#bytes = 0;
      }
      appendFileSync(this.file, line);
      this.#bytes += Buffer.byteLength(line);
    } catch {
      // A full disk is told elsewhere.
    }
  }
}
