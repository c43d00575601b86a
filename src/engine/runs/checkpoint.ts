/**
 * A checkpoint: everything that training carries from step to step, in one safetensors file that is complete or absent.
 * Tensors: `student.NAME`, `teacher.NAME`, `moment1.NAME`, `moment2.NAME` with the original's names, Adam's `counters`,
 * `center` and `center2`, the epoch's answers so far, and checksums. Nothing in it depends on time or place: equal training
 * gives equal files. Read and written through pieces of 16 MiB.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { UserError } from '../errors';
import {
  bytesPerElement,
  fileError,
  openSafetensors,
  writeAtomically,
  writeSafetensorsTo,
  type SafetensorsEntry,
  type SafetensorsFile,
  type StoredDtype,
} from '../formats';
import type { Gpu } from '../gpu';
import type { Allocation } from '../graph';
import { options, type Network, type Recipe } from '../ibot';
import type { ParameterSet } from '../nn';
import { completeSums, type EpochState } from './epoch-progress';

const PIECE = 16 << 20;

export interface CheckpointContents {
  /** Steps done. */
  step: number;
  /** What is gathered of the epoch that the step belongs to; nothing of it where the epoch is through. */
  progress: EpochState;
}

/** What a checkpoint belongs to. */
export interface CheckpointIdentity {
  manifestHash: string;
  /** See `recipeHash`. */
  recipeHash: string;
}

const metadataSchema = z.object({
  format: z.literal('ibot-workbench checkpoint'),
  version: z.literal('2'),
  manifest_hash: z.string(),
  recipe_hash: z.string(),
  step: z.string().regex(/^\d+$/).transform(Number),
  epoch_steps: z.string().regex(/^\d+$/).transform(Number),
  epoch_sums: z.string().transform((text, context) => {
    try {
      return sumsSchema.parse(JSON.parse(text));
    } catch {
      context.addIssue({ code: 'custom', message: 'is not a list of sums' });
      return z.NEVER;
    }
  }),
});
const sumsSchema = z.record(z.string(), z.number()).transform(completeSums);

/**
 * SHA-256 over the options that training depends on: not over folders, threads, and what is measured or kept. Those at
 * their default are left out, so that a run goes on after an upgrade of the program that brought an option.
 */
export function recipeHash(recipe: Recipe): string {
  const relevant = Object.entries(recipe).filter(([name, value]) => {
    const { group, default: ordinary } = options[name]!;
    return group !== 'run' && group !== 'evaluation' && JSON.stringify(value) !== JSON.stringify(ordinary);
  });
  relevant.sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(relevant)).digest('hex');
}

/** A tensor of the training state on the device. */
interface StateTensor {
  name: string;
  shape: readonly number[];
  allocation: Allocation;
  /** Bytes into the allocation. */
  offset: number;
}

/** All tensors, in the order of their places on the device. */
function stateTensors(network: Network): StateTensor[] {
  const named = (prefix: string, set: ParameterSet, allocation: Allocation): StateTensor[] =>
    set.entries.map(({ name, shape, offset }) => ({ name: `${prefix}.${name}`, shape, allocation, offset: offset * 4 }));
  const whole = (name: string, allocation: Allocation, shape = [allocation.bytes / 4]): StateTensor => ({
    name,
    shape,
    allocation,
    offset: 0,
  });
  const { student, teacher } = network;
  return [
    ...named('student', student, student.values),
    ...named('teacher', teacher, teacher.values),
    ...named('moment1', student, network.firstMoment),
    ...named('moment2', student, network.secondMoment),
    whole('counters', network.counters, [network.counters.bytes / 16, 4]),
    whole('center', network.centre),
    whole('center2', network.patchCentre),
  ];
}

const elements = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Bytes of a checkpoint with the answers of `pictures` pictures. A little more than the truth, for the header. */
export function checkpointBytes(network: Network, pictures: number): number {
  const tensors = stateTensors(network);
  return tensors.reduce((sum, { shape }) => sum + 4 * elements(shape) + 256, 0) + 12 * pictures + 4096;
}

/** Reads an allocation in ascending order, piece by piece; neighbouring tensors come out of one piece. */
function ascendingReader(gpu: Gpu, allocation: Allocation) {
  let start = 0;
  let piece = new Uint8Array(0);
  return async function* (offset: number, bytes: number): AsyncGenerator<Uint8Array> {
    while (bytes > 0) {
      if (offset < start || offset >= start + piece.length) {
        piece = new Uint8Array(await gpu.read(allocation.buffer!, offset, Math.min(PIECE, allocation.bytes - offset)));
        start = offset;
      }
      const part = piece.subarray(offset - start, offset - start + bytes);
      yield part;
      offset += part.length;
      bytes -= part.length;
    }
  };
}

/**
 * Writes a checkpoint at a step boundary (nothing may be in flight). Gives its size in bytes.
 * @throws UserError where it cannot be written; an older file stays as it is.
 */
export async function writeCheckpoint(
  path: string,
  gpu: Gpu,
  network: Network,
  identity: CheckpointIdentity,
  { step, progress }: CheckpointContents,
): Promise<number> {
  const readers = new Map<Allocation, ReturnType<typeof ascendingReader>>();
  const entries = stateTensors(network).map(({ name, shape, allocation, offset }): SafetensorsEntry => {
    const read = readers.get(allocation) ?? ascendingReader(gpu, allocation);
    readers.set(allocation, read);
    return { name, dtype: 'F32', shape, data: () => read(offset, 4 * elements(shape)) };
  });
  for (const name of EPOCH_TENSORS) {
    const data = progress[name];
    entries.push({ name: `epoch.${name}`, dtype: 'U32', shape: [data.length], data });
  }
  const metadata: Record<keyof z.input<typeof metadataSchema>, string> = {
    format: 'ibot-workbench checkpoint',
    version: '2',
    manifest_hash: identity.manifestHash,
    recipe_hash: identity.recipeHash,
    step: String(step),
    epoch_steps: String(progress.steps),
    epoch_sums: JSON.stringify(progress.sums),
  };
  let bytes = 0;
  await writeAtomically(path, async (handle) => {
    await writeSafetensorsTo(handle, entries, metadata, { checksums: true });
    bytes = (await handle.stat()).size;
  });
  return bytes;
}

const EPOCH_TENSORS = ['pictures', 'teacher', 'student'] as const;

/**
 * Loads a checkpoint into the network's buffers, which exist. Those without checksums, of earlier versions, load too.
 * @throws DamagedFileError where it is cut off, damaged, or no safetensors file; the buffers may hold some of it then
 * @throws UserError naming what else is wrong: unreadable, foreign, of another recipe or manifest, of other shapes
 */
export async function loadCheckpoint(
  path: string,
  gpu: Gpu,
  network: Network,
  identity: CheckpointIdentity,
): Promise<CheckpointContents> {
  const file = await openSafetensors(path);
  try {
    const metadata = checkMetadata(path, file, identity);
    const tensors = stateTensors(network);
    checkTensors(path, file, tensors);
    const read = async (name: (typeof EPOCH_TENSORS)[number]): Promise<Uint32Array> =>
      (await file.read(`epoch.${name}`)).data as Uint32Array;
    const progress: EpochState = {
      steps: metadata.epoch_steps,
      sums: metadata.epoch_sums,
      pictures: await read('pictures'),
      teacher: await read('teacher'),
      student: await read('student'),
    };
    let pending = 0;
    for (const { name, allocation, offset } of tensors) {
      let at = offset;
      for await (const piece of file.pieces(name, PIECE)) {
        gpu.device.queue.writeBuffer(allocation.buffer!, at, piece);
        at += piece.length;
        // Written pieces wait in memory of the driver: let them through from time to time.
        if ((pending += piece.length) > 4 * PIECE) {
          await gpu.idle();
          pending = 0;
        }
      }
    }
    await gpu.idle();
    return { step: metadata.step, progress };
  } catch (error) {
    throw fileError(error, path);
  } finally {
    await file.close();
  }
}

function checkMetadata(path: string, file: SafetensorsFile, identity: CheckpointIdentity): z.output<typeof metadataSchema> {
  const parsed = metadataSchema.safeParse(file.metadata);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new UserError(`${path} is not a checkpoint that this program knows (${issue?.path.join('.')}: ${issue?.message}).`);
  }
  const wrong = (what: string): UserError => new UserError(`${path} was written by a run ${what}, and cannot be taken up here.`);
  if (parsed.data.recipe_hash !== identity.recipeHash) throw wrong('with other options');
  if (parsed.data.manifest_hash !== identity.manifestHash) throw wrong('on other pictures');
  return parsed.data;
}

function checkTensors(path: string, file: SafetensorsFile, tensors: readonly StateTensor[]): void {
  const bad = (what: string): UserError => new UserError(`${path} does not fit this run's network: ${what}.`);
  const check = (name: string, dtype: StoredDtype, shape: readonly number[] | undefined): number => {
    const entry = file.entries.get(name);
    if (!entry) throw bad(`it has no ${name}`);
    if (entry.dtype !== dtype || (shape && String(entry.shape) !== String(shape))) {
      const wanted = `${dtype}${shape ? ` [${shape.join(', ')}]` : ''}`;
      throw bad(`its ${name} is ${entry.dtype} [${entry.shape.join(', ')}] in place of ${wanted}`);
    }
    return entry.bytes / bytesPerElement(dtype);
  };
  for (const { name, shape } of tensors) check(name, 'F32', shape);
  const counts = EPOCH_TENSORS.map((name) => check(`epoch.${name}`, 'U32', undefined));
  if (new Set(counts).size > 1) throw bad("the epoch's answers differ in number");
  if (file.entries.size !== tensors.length + EPOCH_TENSORS.length) throw bad('it holds tensors of another network');
}
