/**
 * What a command shows while it works: one line that changes at a terminal, plain lines elsewhere. Output for people goes to
 * standard output, or to standard error where standard output belongs to a program that reads JSON.
 */
export interface Screen {
  /** A line that stays. */
  say(text: string): void;
  /** A line that the next one replaces; only at a terminal. */
  show(text: string): void;
  /** Takes the changing line away. */
  clear(): void;
  readonly atTerminal: boolean;
  /** Columns of the changing line. */
  readonly columns: number;
}

export interface ScreenStream {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

const REDRAW_MS = 80;

export function makeScreen(stream: ScreenStream, now: () => number = () => performance.now()): Screen {
  const atTerminal = stream.isTTY === true;
  let shown = '';
  let drawn = -Infinity;
  const columns = (): number => Math.max(20, stream.columns ?? 80);
  const clear = (): void => {
    if (shown) stream.write('\r\x1b[K');
    shown = '';
    drawn = -Infinity;
  };
  return {
    atTerminal,
    get columns() {
      return columns();
    },
    say(text) {
      clear();
      stream.write(`${text}\n`);
    },
    show(text) {
      if (!atTerminal || now() - drawn < REDRAW_MS) return;
      // A line that wraps could not be replaced.
      shown = text.slice(0, columns() - 1);
      drawn = now();
      stream.write(`\r${shown}\x1b[K`);
    },
    clear,
  };
}

/** The screen of a command: standard output, or standard error when `--json` claims it. */
export const commandScreen = (json: boolean | undefined): Screen => makeScreen(json ? process.stderr : process.stdout);

/** A bar of `width` characters, `share` of it filled. */
export function bar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  const full = Math.floor(eighths / 8);
  const rest = ' ▏▎▍▌▋▊▉'[eighths % 8]!;
  return full >= width ? '█'.repeat(width) : `${'█'.repeat(full)}${rest}${' '.repeat(width - full - 1)}`;
}
