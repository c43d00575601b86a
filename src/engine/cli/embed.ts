import { createReadStream } from 'node:fs';
import { mkdir, open, unlink, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Command } from 'commander';
import { folderLabels, scanFolder, type Problem } from '../data';
import { fileError, openNpyWriter, writeFileAtomic, writeNpy } from '../formats';
import { wholeNumber } from './flag-values';
import { interruptible } from './interrupts';
import { MODEL_FLAG, MODEL_HELP, openModel, sayModel } from './model';
import { DEVICE_FLAG, DEVICE_HELP, openDevice, sayDevice } from './open-device';
import { describeProblems, pictureFeatures } from './picture-features';
import { counted } from './quantities';
import { bar, commandScreen } from './screen';

interface EmbedFlags {
  model: string;
  out: string;
  patches?: boolean;
  size?: number;
  device?: string;
  allowBad?: boolean;
  json?: boolean;
}

/** `ibot embed FOLDER`: features of pictures as NumPy arrays, with a table of what is in which row. */
export function registerEmbed(program: Command): void {
  program
    .command('embed')
    .description("features of a folder's pictures: PREFIX.npy [pictures, width] and PREFIX.csv (path, label)")
    .argument('<folder>', 'pictures, searched in all folders below; class folders become labels')
    .requiredOption(MODEL_FLAG, MODEL_HELP)
    .requiredOption('--out <prefix>', 'beginning of the names of the files to write')
    .option('--patches', 'also PREFIX.patches.npy [pictures, patches, width]')
    .option('--size <px>', 'side of the pictures (default: that of the large crops in training)', wholeNumber(1, 4096))
    .option(DEVICE_FLAG, DEVICE_HELP)
    .option('--allow-bad', 'go on when more than a tenth of the pictures cannot be read')
    .option('--json', 'write one JSON object about the result for other programs')
    .action((folder: string, flags: EmbedFlags) => interruptible((signal) => run(folder, flags, signal)));
}

async function run(folder: string, flags: EmbedFlags, signal: AbortSignal): Promise<void> {
  const screen = commandScreen(flags.json);
  const model = await openModel(flags.model);
  sayModel(model, screen, flags.json);
  const size = flags.size ?? model.defaultSize;
  const { root, pictures } = await scanFolder(folder);
  const paths = pictures.map(({ path }) => path);
  const labels = folderLabels(paths);
  const device = await openDevice(flags.device);
  if (!flags.json) sayDevice(screen, device);
  await mkdir(dirname(flags.out), { recursive: true }).catch((error: unknown) => {
    throw fileError(error, dirname(flags.out));
  });
  const width = model.config.embedDim;
  const patchCount = (size / model.config.patchSize) ** 2;
  const problems: Problem[] = [];
  const rows: number[] = [];
  const cls = new Float32Array(paths.length * width);
  // How many pictures can be read is known at the end only, and stands at the beginning of an array's file.
  const spool = flags.patches ? await Spool.open(`${flags.out}.patches.npy`) : undefined;
  try {
    const onProgress = (done: number, total: number): void =>
      screen.show(`Features ${bar(done / total, 24)} ${done} of ${total}`);
    const request = {
      gpu: device.gpu,
      model,
      root,
      paths,
      size,
      patches: flags.patches ?? false,
      allowBad: flags.allowBad ?? false,
      signal,
      onProgress,
    };
    for await (const batch of pictureFeatures(request, problems)) {
      cls.set(batch.cls, rows.length * width);
      rows.push(...batch.indices);
      if (batch.patches) await spool?.append(batch.patches);
    }
    screen.show('Writing …');
    await writeNpy(`${flags.out}.npy`, cls.subarray(0, rows.length * width), [rows.length, width]);
    await spool?.finish(rows.length, [patchCount, width]);
    const lines = rows.map((i) => `${csvField(paths[i]!)},${csvField(labels[i]!.label ?? '')}\n`);
    await writeFileAtomic(`${flags.out}.csv`, `path,label\n${lines.join('')}`);
  } finally {
    await spool?.close();
    screen.clear();
  }
  device.gpu.close();
  for (const line of describeProblems(problems)) process.stderr.write(`${line}\n`);
  const files = [`${flags.out}.npy`, `${flags.out}.csv`, ...(flags.patches ? [`${flags.out}.patches.npy`] : [])];
  const result = { pictures: rows.length, skipped: problems.length, width, patches: flags.patches ? patchCount : null, files };
  if (flags.json) console.log(JSON.stringify(result));
  else screen.say(`Features of ${counted(rows.length, 'picture')}, ${width} numbers each: ${files.join(', ')}`);
}

/** RFC 4180: quoted where it holds a comma, a quote or a line break. */
const csvField = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Rows set aside in a file of their own until their number is known. */
class Spool {
  private constructor(
    private readonly target: string,
    private readonly path: string,
    private readonly handle: FileHandle,
  ) {}

  static async open(target: string): Promise<Spool> {
    const path = join(dirname(target), `.${basename(target)}.${process.pid}.rows`);
    try {
      return new Spool(target, path, await open(path, 'w'));
    } catch (error) {
      throw fileError(error, target);
    }
  }

  async append(rows: Float32Array): Promise<void> {
    await this.handle.writeFile(new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength)).catch((error: unknown) => {
      throw fileError(error, this.target);
    });
  }

  async finish(rows: number, rowShape: readonly number[]): Promise<void> {
    const writer = await openNpyWriter(this.target, 'f32', rows, rowShape);
    try {
      for await (const piece of createReadStream(this.path, { highWaterMark: 1 << 22 }) as AsyncIterable<Buffer>) {
        // A copy, as the piece need not be aligned; pieces are whole numbers of floats, as the file and its pieces' size are.
        await writer.append(new Float32Array(new Uint8Array(piece).buffer));
      }
    } catch (error) {
      await writer.abandon();
      throw error;
    }
    await writer.finish();
  }

  async close(): Promise<void> {
    await this.handle.close();
    await unlink(this.path).catch(() => undefined);
  }
}
