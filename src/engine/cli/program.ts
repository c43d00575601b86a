import { Command } from 'commander';
import { registerDevices } from './devices';
import { registerDoctor } from './doctor';
import { registerEmbed } from './embed';
import { registerExport } from './export';
import { registerKnn } from './knn';
import { registerQueue } from './queue';
import { registerResume } from './resume';
import { registerSample } from './sample';
import { registerServe } from './serve';
import { registerTrain } from './train';
import { VERSION } from '../version';

/** Commander's messages as sentences: no 'error:' before them, the suggestion in the same line. */
function sentence(text: string): string {
  const [message = '', ...more] = text.trim().split('\n');
  const plain = message.replace(/^error: /, '');
  const suggestion = more.map((line) => /^\(Did you mean (.*)\?\)$/.exec(line)?.[1]).find((each) => each !== undefined);
  const said = `${plain.charAt(0).toUpperCase()}${plain.slice(1)}`.replace(/[.:]$/, '');
  return suggestion ? `${said}: did you mean ${suggestion}?\n` : `${said}.\n`;
}

/** All commands of `ibot`. */
export function makeProgram(): Command {
  // What follows is inherited by commands made after it.
  const program = new Command('ibot')
    .description('Pretrain vision transformers with iBOT on your own pictures, on any GPU.')
    .version(VERSION, '--version', 'print the version')
    .option('--debug', 'show where an error happened')
    .configureOutput({ outputError: (text, write) => write(text.startsWith('error:') ? sentence(text) : text) })
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .helpCommand('help [command]', 'the same as --help')
    .addHelpText(
      'after',
      '\nTo begin:\n  ibot sample pictures                    draw pictures to try it with\n' +
        '  ibot train pictures --out first-run     pretrain on them\n',
    );
  for (const register of [
    registerTrain,
    registerResume,
    registerQueue,
    registerServe,
    registerKnn,
    registerEmbed,
    registerExport,
    registerSample,
    registerDevices,
    registerDoctor,
  ]) {
    register(program);
  }
  return program;
}
