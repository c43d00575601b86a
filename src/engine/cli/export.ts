import { mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { UserError } from '../errors';
import { fileError, readSafetensors, writeFileAtomic, writeSafetensors } from '../formats';
import { openModel, openRunModel, sayModel, type LoadedModel } from './model';
import { bytes, millions } from './quantities';
import { commandScreen } from './screen';
import { timmArchitecture, timmConfig } from './timm-config';

/** `ibot export RUN`: the teacher's backbone in a form that timm and the Hugging Face hub know. */
export function registerExport(program: Command): void {
  program
    .command('export')
    .description("write a run's model (the teacher's backbone) as timm reads it: model.safetensors and config.json")
    .argument('<run>', "a run's folder, or one of its checkpoints")
    .requiredOption('--out <dir>', 'folder to write to; it must not exist yet, be empty, or hold an earlier export')
    .option('--json', 'write one JSON object about the result for other programs')
    .addHelpText('after', "\nIn Python:\n  timm.create_model('local-dir:DIR', pretrained=True)")
    .action(async (run: string, flags: { out: string; json?: boolean }) => {
      const model = run.endsWith('.safetensors') ? await openModel(run) : await openRunModel(run);
      sayModel(model, commandScreen(flags.json), flags.json);
      await requireFree(flags.out);
      const file = join(flags.out, 'model.safetensors');
      await writeModel(model, file);
      await verify(model, file);
      await writeFileAtomic(join(flags.out, 'config.json'), `${JSON.stringify(configOf(model), null, 2)}\n`);
      const count = model.parameters.count;
      const architecture = timmArchitecture(model.config);
      const result = { folder: flags.out, architecture, parameters: count, step: model.step ?? null };
      if (flags.json) console.log(JSON.stringify(result));
      else {
        console.log(`${model.title} → ${flags.out}: ${millions(count)} parameters (${bytes(count * 4)}), checked.`);
        console.log(`In Python: timm.create_model('local-dir:${resolve(flags.out)}', pretrained=True)`);
      }
    });
}

const configOf = ({ config, mean, std }: LoadedModel): object => timmConfig(config, mean, std);

async function requireFree(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw fileError(error, folder);
  }
  const ours = new Set(['model.safetensors', 'config.json']);
  if ((await readdir(folder)).some((name) => !ours.has(name))) {
    throw new UserError(`${folder} is not empty: choose a new or empty folder for the export.`);
  }
}

function writeModel({ parameters, flat }: LoadedModel, file: string): Promise<void> {
  const entries = [...parameters.named(flat)].map(({ name, shape, values }) => ({
    name,
    dtype: 'F32' as const,
    shape,
    data: values,
  }));
  return writeSafetensors(file, entries, { format: 'pt' });
}

/** Reads the file back and compares every tensor, bit for bit. */
async function verify({ parameters, flat }: LoadedModel, file: string): Promise<void> {
  const { tensors } = await readSafetensors(file);
  const wrong = [...parameters.named(flat)].filter(({ name, shape, values }) => {
    const read = tensors.get(name);
    if (read?.dtype !== 'F32' || read.shape.join() !== shape.join()) return true;
    const asBytes = (data: ArrayBufferView): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    return !asBytes(read.data).equals(asBytes(values));
  });
  if (wrong.length > 0 || tensors.size !== parameters.entries.length) {
    const what = wrong[0]?.name ?? 'other tensors';
    throw new UserError(`${file} does not hold what was written (${what}): the disk may be failing.`);
  }
}
