import { join } from 'node:path';
import type { LogLine } from '../protocol';
import { LineFollower } from '../runs';

const LINE = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) (.*)$/s;

/** A run's log, read as it grows. What a line of it goes on with is part of that line. */
export class RunLog {
  lines: LogLine[] = [];
  private readonly follower: LineFollower;

  constructor(folder: string) {
    this.follower = new LineFollower(join(folder, 'log.txt'), {
      line: (text) => this.take(text),
      restart: () => (this.lines = []),
    });
  }

  catchUp(): Promise<void> {
    return this.follower.catchUp();
  }

  private take(whole: string): void {
    const match = LINE.exec(whole);
    const last = this.lines.at(-1);
    if (!match) {
      if (last) this.lines[this.lines.length - 1] = { ...last, text: `${last.text}\n${whole.replace(/^ {2}/, '')}` };
      return;
    }
    const text = match[2]!;
    const level = text.startsWith('Warning: ') ? 'warning' : text.startsWith('Failed ') ? 'error' : 'info';
    this.lines.push({ line: this.lines.length, at: Date.parse(match[1]!), level, text });
  }
}
