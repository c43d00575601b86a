/**
 * A run's own ordered list of its pictures: made once when the run starts, so that a folder that changes later cannot
 * change a resumed run. JSON lines: a heading, then one picture per line.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors';
import { writeFileAtomic } from '../formats';
import { scanFolder } from './folder';
import { csvLabels, folderLabels, type Split } from './labels';
import { holdOut } from './order';
import { fileReason, type Problem } from './problems';

export interface ManifestPicture {
  /** Relative to the manifest's root, '/' between its parts. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Time of the last change, whole milliseconds since 1970. */
  readonly modified: number;
  /** Index into `classes`, −1 for none. */
  readonly label: number;
  readonly split: Split;
}

export interface Manifest {
  readonly root: string;
  /** Class names, sorted in code-unit order; empty without labels. */
  readonly classes: readonly string[];
  readonly pictures: readonly ManifestPicture[];
}

export interface ManifestOptions {
  /** A CSV file `path,label[,split]` in place of class folders; what it leaves out is not in the manifest. */
  readonly labelsFile?: string;
  /** Share of the pictures that is never trained on; default a tenth. */
  readonly heldOut?: number;
  readonly seed: number;
}

/**
 * Scans a folder, labels its pictures and holds some out.
 * @throws UserError for a folder without pictures and for label files that cannot be understood.
 */
export async function makeManifest(
  folder: string,
  options: ManifestOptions,
): Promise<{ manifest: Manifest; problems: Problem[] }> {
  const { root, pictures: found, problems } = await scanFolder(folder);
  const paths = found.map(({ path }) => path);
  const read = options.labelsFile
    ? await csvLabels(options.labelsFile, root, paths)
    : { labels: folderLabels(paths), problems: [] };
  const pictures = found.filter((_, i) => read.labels[i]!.split !== 'left-out');
  const given = read.labels.flatMap(({ label, split }) => (split === 'left-out' ? [] : [{ label, split }]));
  const classes = [...new Set(given.flatMap(({ label }) => (label === null ? [] : [label])))].sort(byCodeUnit);
  const classIndex = new Map(classes.map((name, i) => [name, i]));
  const labels = given.map(({ label }) => (label === null ? -1 : classIndex.get(label)!));
  const splits = holdOut(
    options.seed,
    labels,
    given.map(({ split }) => split),
    options.heldOut ?? 0.1,
  );
  return {
    manifest: { root, classes, pictures: pictures.map((picture, i) => ({ ...picture, label: labels[i]!, split: splits[i]! })) },
    problems: [...problems, ...read.problems],
  };
}

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A picture's place in the file system. */
export function picturePath(manifest: Manifest, picture: { readonly path: string }): string {
  return join(manifest.root, picture.path);
}

/** Indices into `manifest.pictures` of one side, in their order. */
export function splitIndices(manifest: Manifest, split: Split): Uint32Array {
  return Uint32Array.from(manifest.pictures.flatMap((picture, i) => (picture.split === split ? [i] : [])));
}

const FORMAT = 'ibot-workbench manifest';
const heading = z.object({
  format: z.literal(FORMAT),
  version: z.literal(1),
  root: z.string().min(1),
  classes: z.array(z.string()),
  count: z.number().int().nonnegative(),
});
const line = z.object({
  path: z.string().min(1),
  size: z.number().int().nonnegative(),
  modified: z.number(),
  label: z.string().nullable(),
  split: z.enum(['train', 'held-out']),
});

/** The manifest's file, as text. */
function manifestText({ root, classes, pictures }: Manifest): string {
  const head: z.infer<typeof heading> = { format: FORMAT, version: 1, root, classes: [...classes], count: pictures.length };
  const lines = pictures.map(({ path, size, modified, label, split }): z.infer<typeof line> => ({
    path,
    size,
    modified,
    label: label < 0 ? null : classes[label]!,
    split,
  }));
  return [head, ...lines].map((item) => `${JSON.stringify(item)}\n`).join('');
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Writes the manifest: complete or not at all. Gives the SHA-256 of the file, in hexadecimal. */
export async function writeManifest(file: string, manifest: Manifest): Promise<string> {
  const text = manifestText(manifest);
  await writeFileAtomic(file, text);
  return hashOf(text);
}

/**
 * Reads a manifest and its hash.
 * @throws UserError when it is missing, cut off or not a manifest.
 */
export async function readManifest(file: string): Promise<{ manifest: Manifest; hash: string }> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new UserError(`The list of pictures ${file} cannot be read (${fileReason(error)}).`);
  }
  const lines = text.split('\n').filter((part) => part !== '');
  const head = readLine(file, 1, lines[0] ?? '', heading);
  if (lines.length - 1 !== head.count) {
    throw new UserError(`${file} is damaged: it should list ${head.count} pictures and lists ${lines.length - 1}.`);
  }
  const classIndex = new Map(head.classes.map((name, i) => [name, i]));
  const pictures = lines.slice(1).map((part, i): ManifestPicture => {
    const picture = readLine(file, i + 2, part, line);
    const label = picture.label === null ? -1 : classIndex.get(picture.label);
    if (label === undefined) throw damaged(file, i + 2, `the class ${JSON.stringify(picture.label)} is not in the heading`);
    return { ...picture, label };
  });
  return { manifest: { root: head.root, classes: head.classes, pictures }, hash: hashOf(text) };
}

function damaged(file: string, line: number, what: string): UserError {
  return new UserError(`${file}, line ${line}: ${what}; the file is damaged or not a list of pictures.`);
}

function readLine<T>(file: string, number: number, text: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw damaged(file, number, 'this is not a line of JSON');
  }
  const result = schema.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw damaged(file, number, `${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is not valid'}`.trim());
  }
  return result.data;
}
