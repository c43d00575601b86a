/** `run.json`: what a run is, complete enough to go on from, and readable by other programs. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { UserError } from '../errors';
import { fileError, writeFileAtomic } from '../formats';
import type { Gpu } from '../gpu';
import type { VariantTable } from '../graph';
import { resolveRecipe, type Recipe } from '../ibot';

const deviceSchema = z.object({
  name: z.string(),
  vendor: z.string(),
  architecture: z.string(),
  /** Driver and version in the driver's own words. */
  description: z.string(),
  software: z.boolean(),
  subgroupSize: z.number().int(),
});
export type DeviceRecord = z.infer<typeof deviceSchema>;

const schema = z.object({
  format: z.literal('ibot-workbench run'),
  version: z.literal(1),
  /** Versions of what made the run. */
  program: z.object({ version: z.string(), node: z.string() }),
  created: z.string(),
  state: z.enum(['queued', 'running', 'stopped', 'finished', 'failed']),
  /** Why it stopped or failed. */
  reason: z.string().nullable(),
  /** Of the last checkpoint; 0 before the first. */
  step: z.number().int().nonnegative(),
  /** Every option as resolved. */
  recipe: z.record(z.string(), z.unknown()),
  /** More than a tenth of unreadable pictures is accepted. */
  allowBad: z.boolean(),
  device: deviceSchema,
  /** Chosen kernels: same table and device, same bits. Null until they are chosen. */
  kernels: z.record(z.string(), z.string()).nullable(),
  data: z.object({
    root: z.string(),
    trainingPictures: z.number().int(),
    heldOutPictures: z.number().int(),
    classes: z.number().int(),
    manifestHash: z.string(),
  }),
  sizes: z.object({
    parameters: z.number().int(),
    stepsPerEpoch: z.number().int(),
    steps: z.number().int(),
    memoryBytes: z.number().nullable(),
  }),
});

export type RunRecord = Omit<z.infer<typeof schema>, 'recipe'> & { recipe: Recipe };

/** @throws UserError when the file is missing, broken, or of a later version. */
export async function readRunRecord(file: string): Promise<RunRecord> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw fileError(error, file);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UserError(`${file} is not JSON: it is damaged, or not the record of a run.`);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue?.path.join('.') || 'its contents';
    throw new UserError(`${file} is not the record of a run that this program knows (${where}: ${issue?.message}).`);
  }
  return { ...parsed.data, recipe: resolveRecipe(parsed.data.recipe) };
}

export const writeRunRecord = (file: string, record: RunRecord): Promise<void> =>
  writeFileAtomic(file, `${JSON.stringify(record, null, 2)}\n`);

export const deviceRecord = ({ info }: Gpu): DeviceRecord => ({ ...info });

/** The same driver on the same kind of device: then the same kernels give the same bits. */
export const sameDevice = (a: DeviceRecord, b: DeviceRecord): boolean =>
  deviceSchema.keyof().options.every((key) => a[key] === b[key]);

export const kernelsOf = (table: VariantTable): Record<string, string> =>
  Object.fromEntries([...table].sort(([a], [b]) => (a < b ? -1 : 1)));
