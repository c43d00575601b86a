/** A run small enough for a test: 24 pictures, two blocks, three epochs. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeManifest, type Manifest } from '../../../src/engine/data';
import { resolveRecipe, type Recipe } from '../../../src/engine/ibot';
import {
  listCheckpoints,
  resumeTraining,
  runTraining,
  type DoneEvent,
  type ResumeOptions,
  type RunEvent,
  type TrainingOptions,
} from '../../../src/engine/runs';
import { testGpu } from '../../support/gpu';
import { temporaryFolder } from '../../support/temporary-folder';
import { picture, put } from '../data/pictures';

export const tinyRecipe = (options: Partial<Recipe> = {}): Recipe =>
  resolveRecipe({
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
    batch_size: 8,
    epochs: 3,
    warmup_epochs: 1,
    warmup_teacher_temp_epochs: 1,
    checkpoint_minutes: 0,
    lr: 0.01,
    ...options,
  });

/** Two classes of twelve pictures each; 19 to train on, 5 held out. */
export async function tinyManifest(): Promise<Manifest> {
  const root = temporaryFolder();
  for (let i = 0; i < 24; i++) {
    await put(root, `${i % 2 ? 'odd' : 'even'}/${i}.png`, await picture(40, 40 + (i % 2) * 8, i).png().toBuffer());
  }
  return (await makeManifest(root, { seed: 0, heldOut: 0.2 })).manifest;
}

type Started = Omit<TrainingOptions, 'gpu' | 'folder'> & { folder?: string };

export interface Ran {
  folder: string;
  done: DoneEvent;
  events: RunEvent[];
}

/** Asks to stop once so many steps were reported (0: before the first), as a first Ctrl-C does. */
export function stopAfter(steps: number): { signal: AbortSignal; onEvent: (event: RunEvent) => void } {
  const controller = new AbortController();
  if (steps === 0) controller.abort();
  return {
    signal: controller.signal,
    onEvent: (event) => {
      if (event.event === 'step' && event.step >= steps) controller.abort();
    },
  };
}

/** Names and bytes of all files in a folder that are not about the present process. */
export async function filesOf(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !['run.json', 'log.txt'].includes(entry.name)) files.set(path, await readFile(path, 'latin1'));
  }
  return files;
}

export const newestCheckpoint = async (run: string): Promise<Buffer> =>
  readFile((await listCheckpoints(join(run, 'checkpoints')))[0]!.path);

export async function start(options: Started): Promise<Ran> {
  const folder = options.folder ?? join(temporaryFolder(), 'run');
  const events: RunEvent[] = [];
  const done = await runTraining({
    decodeThreads: 0,
    ...options,
    folder,
    gpu: await testGpu(),
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
  });
  return { folder, done, events };
}

export async function resume(folder: string, options: Partial<ResumeOptions> = {}): Promise<Ran> {
  const events: RunEvent[] = [];
  const done = await resumeTraining({
    decodeThreads: 0,
    ...options,
    folder,
    gpu: await testGpu(),
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
  });
  return { folder, done, events };
}
