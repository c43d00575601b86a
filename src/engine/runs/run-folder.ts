/** The folder of a run: its files by name, made once, held by one process at a time. */
import { appendFileSync } from 'node:fs';
import { mkdir, readdir, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors';
import { fileError, readJsonLines, writeFileAtomic } from '../formats';
import type { BadPicture } from './bad-pictures';
import { lockRun, type Lock } from './lock';
import { readRunRecord, writeRunRecord, type RunRecord } from './run-record';
import { WARNINGS_FILE } from './warnings-file';

const badPictureSchema = z.object({ path: z.string(), reason: z.string(), step: z.number().nullable().default(0) });

export class RunFolder {
  readonly recordFile: string;
  readonly manifestFile: string;
  readonly metricsFile: string;
  readonly eventsFile: string;
  readonly checkpointFolder: string;
  readonly logFile: string;
  readonly warningsFile: string;
  readonly badPicturesFile: string;
  readonly baselinesFile: string;
  readonly diagnosisFile: string;
  /** Small files of what the teacher sees in a few pictures. */
  readonly panelFolder: string;

  private constructor(
    readonly path: string,
    private readonly lock: Lock,
    /** The outermost folder that was made for this run; undefined where there was an empty one. */
    private readonly made: string | undefined,
  ) {
    this.recordFile = join(path, 'run.json');
    this.manifestFile = join(path, 'manifest.jsonl');
    this.metricsFile = join(path, 'metrics.jsonl');
    // TensorBoard looks for names of this kind.
    this.eventsFile = join(path, 'events.out.tfevents.0.ibot');
    this.checkpointFolder = join(path, 'checkpoints');
    this.logFile = join(path, 'log.txt');
    this.warningsFile = join(path, WARNINGS_FILE);
    this.badPicturesFile = join(path, 'bad-pictures.txt');
    this.baselinesFile = join(path, 'baselines.json');
    this.diagnosisFile = join(path, 'diagnosis.json');
    this.panelFolder = join(path, 'panels');
  }

  /**
   * A new folder, or an empty one (what `discard` leaves counts as empty), locked.
   * @throws UserError where there is something already.
   */
  static async create(path: string): Promise<RunFolder> {
    const folder = resolve(path);
    const present = await entriesOf(folder);
    if (present?.includes('run.json')) {
      throw new UserError(`${folder} holds a run already: go on with \`ibot resume ${path}\`, or choose another folder.`);
    }
    // A run that could not begin leaves its list of unreadable pictures.
    if (present?.some((name) => name !== 'bad-pictures.txt')) {
      throw new UserError(`${folder} is not empty: choose another folder for the run (an earlier run goes on with ibot resume).`);
    }
    let made: string | undefined;
    try {
      made = present ? undefined : await mkdir(folder, { recursive: true });
      await mkdir(join(folder, 'checkpoints'), { recursive: true });
    } catch (error) {
      throw fileError(error, folder);
    }
    return new RunFolder(folder, await lockRun(folder), made);
  }

  /**
   * The folder of an earlier run, locked.
   * @throws UserError where there is none, or while another process works in it.
   */
  static async open(path: string): Promise<RunFolder> {
    const folder = resolve(path);
    await readRunFolder(folder);
    const lock = await lockRun(folder);
    const opened = new RunFolder(folder, lock, undefined);
    try {
      await mkdir(opened.checkpointFolder, { recursive: true });
      await opened.removePartial();
    } catch (error) {
      await lock.release();
      throw fileError(error, folder);
    }
    return opened;
  }

  /** Removes what a killed process left half written. Others may write files of their own here. */
  private async removePartial(): Promise<void> {
    const { recordFile, manifestFile, metricsFile, eventsFile, badPicturesFile, baselinesFile, diagnosisFile } = this;
    const own = [recordFile, manifestFile, metricsFile, eventsFile, badPicturesFile, baselinesFile, diagnosisFile];
    const beginnings = own.map((file) => `.${basename(file)}.`);
    for (const name of await readdir(this.path)) {
      if (name.endsWith('.partial') && beginnings.some((each) => name.startsWith(each))) await unlink(join(this.path, name));
    }
  }

  readRecord(): Promise<RunRecord> {
    return readRunRecord(this.recordFile);
  }

  writeRecord(record: RunRecord): Promise<void> {
    return writeRunRecord(this.recordFile, record);
  }

  /** A line of `log.txt`, with the time. At once, so that lines stay in order and the last one before a crash is there. */
  log(line: string): void {
    try {
      appendFileSync(this.logFile, `${new Date().toISOString()} ${line.replaceAll('\n', '\n  ')}\n`);
    } catch (error) {
      throw fileError(error, this.logFile);
    }
  }

  /** One line of JSON each: names may hold newlines and quotes. */
  writeBadPictures(pictures: readonly BadPicture[]): Promise<void> {
    const lines = pictures.map(({ path, reason, step }) => `${JSON.stringify({ path, reason, step })}\n`);
    return writeFileAtomic(this.badPicturesFile, lines.join(''));
  }

  /** The list of an earlier process of this run; empty where there is none. */
  async readBadPictures(): Promise<BadPicture[]> {
    const pictures: BadPicture[] = [];
    if (!(await entriesOf(this.path))?.includes('bad-pictures.txt')) return pictures;
    for await (const line of readJsonLines(this.badPicturesFile)) {
      const parsed = badPictureSchema.safeParse(line);
      if (parsed.success) pictures.push(parsed.data);
    }
    return pictures;
  }

  /**
   * Releases and removes a run that never began, so that its folder is free again. A list of unreadable pictures stays,
   * since it may be the reason; files of others stay, and folders with them.
   */
  async discard(): Promise<void> {
    const { recordFile, manifestFile, metricsFile, eventsFile, logFile, warningsFile, badPicturesFile, baselinesFile } = this;
    const nothingListed = (await stat(badPicturesFile).catch(() => undefined))?.size === 0;
    const list = nothingListed ? [badPicturesFile] : [];
    for (const file of [...list, metricsFile, eventsFile, baselinesFile, manifestFile, logFile, warningsFile, recordFile]) {
      await unlink(file).catch(() => undefined);
    }
    // It may have looked at its pictures before the step that failed.
    await rm(this.panelFolder, { recursive: true, force: true }).catch(() => undefined);
    await this.release();
    const remove = (folder: string): Promise<boolean> => rmdir(folder).then(() => true, () => false);
    await remove(this.checkpointFolder);
    if (this.made === undefined) return;
    for (let folder = this.path; await remove(folder); folder = dirname(folder)) if (folder === this.made) return;
  }

  release(): Promise<void> {
    return this.lock.release();
  }
}

/**
 * The record of a run, without locking it: for looking at, embedding and exporting while it goes on.
 * @throws UserError where there is no run.
 */
export async function readRunFolder(path: string): Promise<RunRecord> {
  const folder = resolve(path);
  const present = await entriesOf(folder);
  if (!present) throw new UserError(`There is no folder ${folder}.`);
  if (!present.includes('run.json')) throw new UserError(`${folder} is not the folder of a run: it has no run.json.`);
  return readRunRecord(join(folder, 'run.json'));
}

/** Names in a folder, undefined where there is none. */
async function entriesOf(folder: string): Promise<string[] | undefined> {
  try {
    if (!(await stat(folder)).isDirectory()) throw new UserError(`${folder} is a file: choose a folder for the run.`);
    return await readdir(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw fileError(error, folder);
  }
}
