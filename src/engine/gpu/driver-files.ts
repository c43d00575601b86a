import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** Where the program keeps what it can fetch again: `$XDG_CACHE_HOME/ibot-workbench`, else `~/.cache/ibot-workbench`. */
export function defaultCacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'ibot-workbench');
}

/**
 * Makes `folder` complete or not at all: `fill` works in a neighbouring folder that is then renamed. Of two processes that do
 * this at once, the first to finish wins and the other throws its own copy away. A folder that exists is taken as it is.
 */
export async function installOnce(folder: string, fill: (unfinished: string) => Promise<void>): Promise<void> {
  if (existsSync(folder)) return;
  await mkdir(dirname(folder), { recursive: true });
  const unfinished = await mkdtemp(join(dirname(folder), `.${basename(folder)}-unfinished-`));
  try {
    await fill(unfinished);
    await rename(unfinished, folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Milliseconds; ten minutes unless given. */
  timeout?: number;
}

/** Runs a program to its end and resolves to its standard output; rejects with the last lines it wrote to standard error. */
export function run(program: string, parameters: readonly string[], options: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      program,
      parameters,
      { env: options.env, cwd: options.cwd, timeout: options.timeout ?? 600_000, maxBuffer: 64 << 20, encoding: 'utf8' },
      (error, stdout, stderr) => {
        if (!error) return resolve(stdout);
        const said = stderr.trim().split('\n').slice(-3).join(' ').trim();
        reject(new Error(`${basename(program)} failed: ${said || error.message}`));
      },
    );
  });
}
