/** The program as a user starts it, built once, in processes of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const root = join(import.meta.dirname, '..', '..');
interface SetUp {
  setUp(): Promise<NodeJS.ProcessEnv>;
}
let environment: Promise<NodeJS.ProcessEnv> | undefined;

/** Builds what is out of date; the variables that lead to a graphics driver. */
function prepared(): Promise<NodeJS.ProcessEnv> {
  environment ??= import(pathToFileURL(join(root, 'scripts', 'set-up.mjs')).href).then((module: SetUp) => module.setUp());
  return environment;
}

export interface Ended {
  /** Exit status; 128 + its number after a signal. */
  status: number;
  stdout: string;
  stderr: string;
}

const SIGNALS: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

export class Started {
  readonly ended: Promise<Ended>;
  private readonly listeners: ((line: string) => void)[] = [];

  constructor(readonly child: ChildProcess) {
    let stdout = '';
    let stderr = '';
    child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    createInterface({ input: child.stdout! }).on('line', (line) => {
      stdout += `${line}\n`;
      for (const listen of [...this.listeners]) listen(line);
    });
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve({ status: signal ? 128 + (SIGNALS[signal] ?? 0) : code!, stdout, stderr }));
    });
  }

  /** Resolves with the first line of standard output for which `test` holds, or undefined when the program ends before. */
  line(test: (line: string) => boolean): Promise<string | undefined> {
    return new Promise((resolve) => {
      const listen = (line: string): void => {
        if (test(line)) resolve(line);
      };
      this.listeners.push(listen);
      void this.ended.then(() => resolve(undefined));
    });
  }
}

export async function start(...words: string[]): Promise<Started> {
  const parameters = [join(root, 'out', 'engine', 'main.js'), ...words];
  return new Started(spawn(process.execPath, parameters, { env: await prepared(), stdio: ['ignore', 'pipe', 'pipe'] }));
}

export const ibot = async (...words: string[]): Promise<Ended> => (await start(...words)).ended;

/** Lines of JSON as objects; a line that is none is an error. */
export const parsedLines = (stdout: string): Record<string, unknown>[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** Options of a network that learns a step in milliseconds. */
export const tinyRecipe = {
  arch: 'vit_tiny',
  embed_dim: 16,
  depth: 2,
  num_heads: 2,
  patch_size: 8,
  global_crops_size: 32,
  local_crops_size: 16,
  local_crops_number: 2,
  out_dim: 64,
  head_hidden_dim: 32,
  head_bottleneck_dim: 16,
  shared_head: true,
  batch_size: 8,
  epochs: 3,
  warmup_epochs: 1,
  warmup_teacher_temp_epochs: 1,
  workers: 1,
};

export function writeRecipe(folder: string, more: Record<string, unknown> = {}): string {
  const path = join(folder, `recipe-${Object.keys(more).join('-')}.json`);
  writeFileSync(path, JSON.stringify({ ...tinyRecipe, ...more }));
  return path;
}
