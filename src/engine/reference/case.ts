/** A reference case on disk: its description, tolerances and tensors, all parsed as foreign input. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors';
import { readSafetensors, toFloat32 } from '../formats';

const toleranceSchema = z.union([
  z.string(),
  z.looseObject({ atol: z.number().optional(), rtol: z.number().optional() }),
]);

const caseSchema = z.looseObject({
  case: z.string(),
  config: z.record(z.string(), z.unknown()),
  tolerance: z.record(z.string(), toleranceSchema),
  measured: z.record(z.string(), z.unknown()).optional(),
});

/** What was wrong with a file, in one line: of zod's issues the first, with its place. */
function reason(error: unknown): string {
  const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
  if (issue) return `${issue.path.join('.') || 'its content'}: ${issue.message}`;
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}

/** |got − want| ≤ atol + rtol · |want|, for each element. */
export interface Tolerance {
  atol: number;
  rtol: number;
}

/** The tensors of one file, as f32 whatever their stored type (integers up to 2²⁴ stay exact). */
export class Tensors {
  constructor(
    private readonly file: string,
    private readonly tensors: Map<string, { shape: number[]; data: Float32Array }>,
  ) {}

  get names(): string[] {
    return [...this.tensors.keys()];
  }

  has(name: string): boolean {
    return this.tensors.has(name);
  }

  get(name: string): Float32Array {
    return this.entry(name).data;
  }

  shape(name: string): number[] {
    return this.entry(name).shape;
  }

  find(name: string): Float32Array | undefined {
    return this.tensors.get(name)?.data;
  }

  private entry(name: string): { shape: number[]; data: Float32Array } {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new UserError(`${this.file} has no tensor ${name}: the reference case is incomplete.`);
    return tensor;
  }
}

export class ReferenceCase {
  private constructor(
    readonly folder: string,
    readonly name: string,
    readonly config: Record<string, unknown>,
    private readonly tolerances: Record<string, z.infer<typeof toleranceSchema>>,
    readonly measured: Record<string, unknown>,
  ) {}

  static async open(folder: string): Promise<ReferenceCase> {
    const path = join(folder, 'case.json');
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch {
      throw new UserError(`${folder} is no reference case: it has no readable case.json.`);
    }
    try {
      const parsed = caseSchema.parse(JSON.parse(text));
      return new ReferenceCase(folder, parsed.case, parsed.config, parsed.tolerance, parsed.measured ?? {});
    } catch (error) {
      throw new UserError(`${path} is not a reference case's description: ${reason(error)}.`);
    }
  }

  /** The tolerance whose key lists `word`, e.g. 'cls' of "tokens, cls, intermediate" or of "loss, cls of each step". */
  tolerance(word: string): Tolerance {
    const found = this.rawTolerance(word);
    if (typeof found === 'string') throw new UserError(`${this.name}: the tolerance of ${word} is not a number.`);
    return { atol: found.atol ?? 0, rtol: found.rtol ?? 0 };
  }

  rawTolerance(word: string): z.infer<typeof toleranceSchema> {
    for (const [key, value] of Object.entries(this.tolerances)) {
      if (key === word || key.split(',').some((part) => part.trim().replace(/ of .*/, '') === word)) return value;
    }
    throw new UserError(`${this.name}: case.json states no tolerance for ${word}.`);
  }

  async tensors(file: string): Promise<Tensors> {
    const { tensors } = await readSafetensors(join(this.folder, file));
    const map = new Map<string, { shape: number[]; data: Float32Array }>();
    for (const [name, tensor] of tensors) map.set(name, { shape: [...tensor.shape], data: toFloat32(tensor) });
    return new Tensors(`${this.name}/${file}`, map);
  }

  /** As `tensors`; undefined where a set was shipped without this file. */
  async tensorsIfPresent(file: string): Promise<Tensors | undefined> {
    const present = (await readdir(this.folder)).includes(file);
    return present ? this.tensors(file) : undefined;
  }

  /** The number that `pattern` captures in a tolerance stated in words. */
  toleranceInWords(word: string, pattern: RegExp): number {
    const text = this.rawTolerance(word);
    const match = typeof text === 'string' ? pattern.exec(text) : null;
    const value = Number(match?.[1]);
    if (!match || !Number.isFinite(value)) throw new UserError(`${this.name}: the tolerance of ${word} is not understood.`);
    return value;
  }

  async json<T>(file: string, schema: z.ZodType<T>): Promise<T> {
    const path = join(this.folder, file);
    try {
      return schema.parse(JSON.parse(await readFile(path, 'utf8')));
    } catch (error) {
      throw new UserError(`${path} cannot be used: ${reason(error)}.`);
    }
  }

  /** The config, or one entry of it, checked. */
  parse<T>(schema: z.ZodType<T>, entry?: string): T {
    const result = schema.safeParse(entry === undefined ? this.config : this.config[entry]);
    if (result.success) return result.data;
    const issue = result.error.issues[0]!;
    const path = ['config', ...(entry === undefined ? [] : [entry]), ...issue.path].join('.');
    throw new UserError(`${this.name}: ${path} in case.json: ${issue.message}.`);
  }
}

/** The cases found in a folder (its subfolders with a case.json, or the folder itself), by name. */
export async function findCases(folder: string): Promise<string[]> {
  let names: string[];
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    names = entries.filter((e) => e.isDirectory() || e.name === 'case.json').map((e) => e.name);
  } catch {
    throw new UserError(`There is no folder ${folder} to read reference cases from.`);
  }
  if (names.includes('case.json')) return [folder];
  const found: string[] = [];
  for (const name of names.sort()) {
    const inside = await readdir(join(folder, name)).catch(() => [] as string[]);
    if (inside.includes('case.json')) found.push(join(folder, name));
  }
  if (found.length === 0) throw new UserError(`${folder} holds no reference cases (folders with a case.json).`);
  return found;
}
