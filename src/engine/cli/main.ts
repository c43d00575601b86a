/** The command `ibot`: every command is registered here, and here errors become one sentence and an exit status. */
import { Command } from 'commander';
import { UserError } from '../errors';
import { registerDevices } from './devices';

// The launcher reads our standard error to take the driver's noise out; it is a terminal all the same.
const columns = Number(process.env.IBOT_TERMINAL_COLUMNS);
if (columns) Object.assign(process.stderr, { isTTY: true, columns });

const program = new Command('ibot')
  .description('Pretrain vision transformers with iBOT on your own pictures, on any GPU.')
  .option('--debug', 'show where an error happened')
  .showHelpAfterError('(ibot --help lists what there is)');

registerDevices(program);

try {
  await program.parseAsync();
  finish(typeof process.exitCode === 'number' ? process.exitCode : 0);
} catch (error) {
  if (error instanceof UserError) {
    process.stderr.write(`${error.message}\n`);
    if (program.opts().debug) process.stderr.write(`${error.stack}\n`);
    finish(error.exitCode);
  } else {
    const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
    process.stderr.write(`Internal error: ${message}\n`);
    if (program.opts().debug && stack) process.stderr.write(`${stack}\n`);
    finish(70);
  }
}

/** Dawn keeps the process running as long as an instance is referenced, so the end is said; what was written goes out first. */
function finish(status: number): void {
  process.stdout.write('', () => process.exit(status));
}
