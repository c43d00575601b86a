/** One run as the list knows it: read again only as far as its files have changed. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  holderOf,
  LineFollower,
  parseWarning,
  readRunFolder,
  WARNINGS_FILE,
  type Baselines,
  type EpochEvent,
  type RecordedWarning,
  type RunRecord,
  type StepEvent,
} from '../runs';
import { OneAtATime } from './one-at-a-time';
import { NO_NOTES, readNotes, writeNotes, type RunNotes } from './run-notes';

/** The size on disk of a run that is going is looked at so often, beside when a checkpoint was written. */
const MEASURE_EVERY_MS = 20_000;

export class RunEntry {
  record: RunRecord | undefined;
  notes: RunNotes = NO_NOTES;
  epochs: EpochEvent[] = [];
  baselines: Baselines | undefined;
  /** Of the process that trains it, or trained it last; another list once it goes on. */
  warnings: RecordedWarning[] = [];
  bytes = 0;
  checkpoints = 0;
  checkpointBytes = 0;
  /** Another process works in the folder. */
  heldElsewhere = false;
  /** Changes with everything above. */
  version = 0;
  private lastStepLine: string | undefined;
  private lastStep: { line: string; event: StepEvent } | undefined;
  private stamp = '';
  private readonly looks = new OneAtATime();
  private readonly writes = new OneAtATime();
  private measuredAt = 0;
  private checkpointStamp = '';
  private readonly follower: LineFollower;
  private readonly warningFollower: LineFollower;

  constructor(
    readonly name: string,
    readonly folder: string,
    /** Not in the library's own folder of runs. */
    readonly isElsewhere: boolean,
  ) {
    this.follower = new LineFollower(join(folder, 'metrics.jsonl'), {
      line: (text) => this.take(text),
      restart: () => {
        this.epochs = [];
        this.lastStepLine = undefined;
      },
    });
    this.warningFollower = new LineFollower(join(folder, WARNINGS_FILE), {
      line: (text) => {
        const warning = parseWarning(text);
        if (warning) this.warnings.push(warning);
      },
      restart: () => (this.warnings = []),
    });
  }

  /** The last step's line; undefined before the first. */
  get step(): StepEvent | undefined {
    if (this.lastStepLine === undefined) return undefined;
    if (this.lastStep?.line !== this.lastStepLine) {
      try {
        this.lastStep = { line: this.lastStepLine, event: JSON.parse(this.lastStepLine) as StepEvent };
      } catch {
        return undefined;
      }
    }
    return this.lastStep?.event;
  }

  /** Calls come one after another: each sees what was there when it was made. @returns whether anything is different */
  refresh(): Promise<boolean> {
    return this.looks.run(() => this.refreshNow());
  }

  /** Writes notes that are other than those in the file. */
  changeNotes(change: (notes: RunNotes) => Partial<RunNotes>): Promise<void> {
    return this.writes.run(async () => {
      const notes = await readNotes(this.folder);
      await writeNotes(this.folder, { ...notes, ...change(notes) });
    });
  }

  private async refreshNow(): Promise<boolean> {
    const [record, metrics, notes, lock, checkpoints, warnings] = await Promise.all(
      ['run.json', 'metrics.jsonl', 'workbench.json', 'lock', 'checkpoints', WARNINGS_FILE].map((name) => stampOf(join(this.folder, name))),
    );
    // A process that is killed leaves its lock as it was, whatever the record says.
    const held = lock !== '' && (await this.isHeld());
    const stamp = [record, metrics, notes, lock, checkpoints, warnings, held].join(' ');
    if (stamp === this.stamp) return false;
    this.stamp = stamp;
    this.record = await readRunFolder(this.folder).catch(() => undefined);
    this.notes = await readNotes(this.folder);
    this.heldElsewhere = held;
    await this.follower.catchUp();
    await this.warningFollower.catchUp();
    this.baselines = await readBaselines(this.folder);
    if (checkpoints !== this.checkpointStamp || Date.now() - this.measuredAt > MEASURE_EVERY_MS) {
      this.checkpointStamp = checkpoints!;
      this.measuredAt = Date.now();
      await this.measure();
    }
    this.version++;
    return true;
  }

  private async isHeld(): Promise<boolean> {
    const holder = await holderOf(this.folder);
    return holder !== undefined && holder.pid !== process.pid;
  }

  private take(text: string): void {
    if (text.startsWith('{"event":"step"')) this.lastStepLine = text;
    else if (text.startsWith('{"event":"epoch"')) {
      try {
        this.epochs.push(JSON.parse(text) as EpochEvent);
      } catch {
        // A broken line says nothing.
      }
    }
  }

  private async measure(): Promise<void> {
    const sum = { bytes: 0, checkpoints: 0, checkpointBytes: 0 };
    for (const entry of await readdir(this.folder, { recursive: true, withFileTypes: true }).catch(() => [])) {
      if (!entry.isFile()) continue;
      const { size } = await stat(join(entry.parentPath, entry.name)).catch(() => ({ size: 0 }));
      sum.bytes += size;
      if (/^step-\d+\.safetensors$/.test(entry.name) && entry.parentPath.endsWith('checkpoints')) {
        sum.checkpoints++;
        sum.checkpointBytes += size;
      }
    }
    Object.assign(this, sum);
  }
}

async function readBaselines(folder: string): Promise<Baselines | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, 'baselines.json'), 'utf8')) as Baselines;
  } catch {
    return undefined;
  }
}

async function stampOf(path: string): Promise<string> {
  const state = await stat(path).catch(() => undefined);
  return state ? `${state.ino}:${state.size}:${state.mtimeMs}` : '';
}
