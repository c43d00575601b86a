/** Reads a file that grows, line by line: each time only what is new. Large files are read in pieces, with turns for others. */
import { open } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** A millisecond or two for who parses its lines. */
const PIECE = 1 << 16;

let lastTurn: Promise<void> = Promise.resolve();
/** Pieces of all files come one at a time, however many are read, and whatever else waits gets its turn before each. */
const turn = (): Promise<void> => (lastTurn = lastTurn.then(() => nextTurn()));

export interface LineReader {
  /** A whole line, without its end. */
  line(text: string): void;
  /** The file is another one than before, or shorter: all lines come again. */
  restart(): void;
}

export class LineFollower {
  private offset = 0;
  private rest: Buffer = Buffer.alloc(0);
  private identity = '';
  private reading: Promise<void> | undefined;

  constructor(
    readonly path: string,
    private readonly reader: LineReader,
  ) {}

  /** Bytes that were read. */
  get bytes(): number {
    return this.offset;
  }

  /** Reads what is there by now; a file that is not there has no lines. Calls at the same time share one reading. */
  catchUp(): Promise<void> {
    this.reading ??= this.read().finally(() => (this.reading = undefined));
    return this.reading;
  }

  private async read(): Promise<void> {
    const handle = await open(this.path, 'r').catch(() => undefined);
    if (!handle) {
      if (this.identity !== '') this.begin('');
      return;
    }
    try {
      const { ino, size } = await handle.stat();
      // A run that goes on writes its metrics anew, without what is void.
      if (String(ino) !== this.identity || size < this.offset) this.begin(String(ino));
      const piece = Buffer.allocUnsafe(Math.min(PIECE, Math.max(0, size - this.offset)));
      const isLarge = size - this.offset > PIECE;
      while (this.offset < size) {
        const { bytesRead } = await handle.read(piece, 0, Math.min(piece.length, size - this.offset), this.offset);
        if (bytesRead === 0) break;
        if (isLarge) await turn();
        this.offset += bytesRead;
        this.take(piece.subarray(0, bytesRead));
      }
    } finally {
      await handle.close();
    }
  }

  private begin(identity: string): void {
    const isFirst = this.identity === '';
    this.identity = identity;
    this.offset = 0;
    this.rest = Buffer.alloc(0);
    if (!isFirst) this.reader.restart();
  }

  private take(piece: Buffer): void {
    let from = 0;
    for (let end = piece.indexOf(0x0a); end >= 0; end = piece.indexOf(0x0a, from)) {
      const own = piece.toString('utf8', from, end);
      const text = this.rest.length > 0 ? Buffer.concat([this.rest, piece.subarray(from, end)]).toString('utf8') : own;
      if (this.rest.length > 0) this.rest = Buffer.alloc(0);
      if (text !== '') this.reader.line(text);
      from = end + 1;
    }
    if (from < piece.length) this.rest = Buffer.concat([this.rest, piece.subarray(from)]);
  }
}
