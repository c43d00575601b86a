/** The entry of the command line: here errors become one sentence and an exit status. */
import { UserError } from '../errors';
import { GpuError, GpuLostError } from '../gpu';
import { makeProgram, plainWords } from './index';
import { readerIsGone } from './interrupts';

// The launcher reads our standard error to take the driver's noise out; it is a terminal all the same.
const columns = Number(process.env.IBOT_TERMINAL_COLUMNS);
if (columns) Object.assign(process.stderr, { isTTY: true, columns });
// A reader that goes away (`ibot … | head`) ends the program, and is no defect of it; a run saves first.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (!readerIsGone()) process.exit(process.exitCode ?? (error.code === 'EPIPE' ? 0 : 74));
});
process.stderr.on('error', () => void readerIsGone());

const program = makeProgram();

try {
  await program.parseAsync(plainWords(process.argv.slice(2)), { from: 'user' });
  finish(typeof process.exitCode === 'number' ? process.exitCode : 0);
} catch (error) {
  const known = asUserError(error);
  if (known) {
    process.stderr.write(`${known.message}\n`);
    if (program.opts().debug) process.stderr.write(`${(error as Error).stack}\n`);
    finish(known.exitCode);
  } else {
    const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
    process.stderr.write(`Internal error: ${message}\n`);
    process.stderr.write(program.opts().debug && stack ? `${stack}\n` : 'With --debug it says where this happened.\n');
    finish(70);
  }
}

/** What happened to the device is nobody's defect either, and has an answer. */
function asUserError(error: unknown): UserError | undefined {
  if (error instanceof UserError) return error;
  if (error instanceof GpuLostError) {
    return new UserError(`${error.message} A checkpoint that a run has written stays as it is.`, 75);
  }
  if (error instanceof GpuError && error.kind === 'out-of-memory') {
    const advice = 'lower batch_size (or raise accumulate), or the sizes';
    return new UserError(`The graphics device has too little memory for this: ${advice}.`, 75);
  }
  return undefined;
}

/** Dawn keeps the process running as long as an instance is referenced, so the end is said; what was written goes out first. */
function finish(status: number): void {
  process.stdout.write('', () => process.exit(status));
}
