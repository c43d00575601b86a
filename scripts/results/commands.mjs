/** Commands as they are shown and as they are run: from the repository's root, in this Node. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { root } from '../set-up.mjs';

/** A script of this repository with its words. `shown`: how somebody would type it. */
export function script(path, words) {
  const typed = path === 'scripts/ibot.mjs' ? 'npm run ibot --' : `node ${path}`;
  return { path, words, shown: [typed, ...words.map(shellWord)].join(' ') };
}

const shellWord = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/**
 * Listens for signals that ask to stop, from now on: this process ends when what it has started has, and starts nothing more.
 * At a terminal Ctrl-C reaches the child by itself; everything else is handed on to it.
 */
export function listenForStop() {
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  const stop = { asked: false, child: undefined };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      stop.asked = true;
      if (signal !== 'SIGINT' || !atTerminal) stop.child?.kill(signal);
    });
  }
  return stop;
}

/**
 * Runs a command to its end. `onLine` receives its standard output line by line, which otherwise goes where ours goes.
 * Resolves to the exit status.
 */
export async function run({ path, words }, stop, onLine) {
  const stdio = ['inherit', onLine ? 'pipe' : 'inherit', 'inherit'];
  const child = spawn(process.execPath, [path, ...words], { cwd: root, stdio });
  stop.child = child;
  const lines = onLine && createInterface({ input: child.stdout });
  lines?.on('line', onLine);
  const read = lines && new Promise((resolve) => lines.on('close', resolve));
  const status = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? `killed by ${signal}`));
  });
  await read;
  stop.child = undefined;
  if (status === 130) stop.asked = true;
  return status;
}

/** The first line that a program prints; undefined where it fails. */
export function firstLine(program, words) {
  return new Promise((resolve) => {
    const child = spawn(program, words, { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.on('error', () => resolve(undefined));
    child.on('close', (status) => resolve(status === 0 ? text.split('\n')[0] : undefined));
  });
}
