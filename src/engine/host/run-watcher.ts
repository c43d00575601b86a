/** Tells those who look at a run what is new of it: read from its files, so that it works for runs of other processes, too. */
import { join } from 'node:path';
import { MetricsColumns, panelSteps, readBasis, readPanelHead, STEP_COLUMNS } from '../runs';
import type { TopicValue } from '../protocol';
import { epochColumns, firstAtLeast } from './metric-buckets';
import type { RunEntry } from './run-entry';
import { RunLog } from './run-log';

type Steps = TopicValue<'run.steps'>;
type Epochs = TopicValue<'run.epochs'>;
type Panel = NonNullable<TopicValue<'run.panel'>>;

export interface Watched {
  steps?: Steps;
  epochs?: Epochs;
  log?: TopicValue<'run.log'>;
  panel?: Panel;
}

/** So many steps are told at once; the rest comes with the next look. */
const MOST_STEPS = 20_000;

export class RunWatcher {
  readonly columns: MetricsColumns;
  readonly log: RunLog;
  private readonly panelFolder: string;
  private toldSteps = 0;
  private toldEpochs = 0;
  private toldLines = 0;
  private toldPanel = -1;

  private constructor(readonly entry: RunEntry) {
    this.columns = new MetricsColumns(join(entry.folder, 'metrics.jsonl'));
    this.log = new RunLog(entry.folder);
    this.panelFolder = join(entry.folder, 'panels');
  }

  /** What is there now counts as told. */
  static async open(entry: RunEntry): Promise<RunWatcher> {
    const watcher = new RunWatcher(entry);
    await Promise.all([watcher.columns.catchUp(), watcher.log.catchUp()]);
    watcher.toldSteps = watcher.columns.count;
    watcher.toldEpochs = watcher.columns.epochs.length;
    watcher.toldLines = watcher.log.lines.length;
    watcher.toldPanel = (await panelSteps(watcher.panelFolder)).at(-1) ?? -1;
    return watcher;
  }

  /** The last step that was told. */
  get lastStep(): number {
    return this.toldSteps > 0 ? (this.columns.step[this.toldSteps - 1] ?? 0) : 0;
  }

  get lastEpochStep(): number {
    return this.columns.epochs[this.toldEpochs - 1]?.step ?? 0;
  }

  /** Nothing, in the form of something: the first event of a subscription. */
  get noSteps(): Steps {
    return this.stepsBetween(this.lastStep, this.toldSteps, this.toldSteps);
  }

  get noEpochs(): Epochs {
    return { after: this.lastEpochStep, ...epochColumns([], this.stepsPerEpoch) };
  }

  async lastPanel(): Promise<Panel | null> {
    const step = (await panelSteps(this.panelFolder)).at(-1);
    return step === undefined ? null : ((await this.panelOf(step)) ?? null);
  }

  async look(): Promise<Watched> {
    const { columns } = this;
    const { generation } = columns;
    const before = { step: columns.step.subarray(0, this.toldSteps), written: columns.written, epochs: columns.epochs };
    await Promise.all([columns.catchUp(), this.log.catchUp()]);
    const watched: Watched = {};
    if (columns.generation !== generation) {
      // It goes on from a checkpoint: what both have in common stands, the rest is void.
      const { step, written } = columns;
      let common = 0;
      while (common < before.step.length && before.step[common] === step[common] && before.written[common] === written[common]) common++;
      const isShorter = common < before.step.length;
      this.toldSteps = common;
      const kept = this.lastStep;
      this.toldEpochs = before.epochs.filter((event) => event.step <= kept).length;
      if (isShorter) {
        watched.steps = this.noSteps;
        watched.epochs = { after: kept, ...epochColumns([], this.stepsPerEpoch) };
      }
    }
    if (columns.count > this.toldSteps) {
      const after = this.lastStep;
      const end = Math.min(columns.count, this.toldSteps + MOST_STEPS);
      watched.steps = this.stepsBetween(after, this.toldSteps, end);
      this.toldSteps = end;
    }
    if (columns.epochs.length > this.toldEpochs) {
      const after = this.lastEpochStep;
      watched.epochs = { after, ...epochColumns(columns.epochs.slice(this.toldEpochs), this.stepsPerEpoch) };
      this.toldEpochs = columns.epochs.length;
    }
    const { lines } = this.log;
    if (lines.length !== this.toldLines) {
      const from = lines.length < this.toldLines ? 0 : this.toldLines;
      watched.log = { total: lines.length, lines: lines.slice(from) };
      this.toldLines = lines.length;
    }
    const panel = (await panelSteps(this.panelFolder)).at(-1) ?? -1;
    if (panel !== this.toldPanel) {
      this.toldPanel = panel;
      const head = panel < 0 ? undefined : await this.panelOf(panel);
      if (head) watched.panel = head;
    }
    return watched;
  }

  private async panelOf(step: number): Promise<Panel | undefined> {
    const [head, basis] = await Promise.all([readPanelHead(this.panelFolder, step), readBasis(this.panelFolder)]);
    return head && basis && { ...head, basis: basis.step };
  }

  private get stepsPerEpoch(): number {
    return this.entry.record?.sizes.stepsPerEpoch ?? 1;
  }

  private stepsBetween(after: number, from: number, end: number): Steps {
    const { columns, stepsPerEpoch } = this;
    const steps = columns.step.slice(from, end);
    const series = Object.fromEntries(STEP_COLUMNS.map((name) => [name, columns.of(name).slice(from, end)])) as Steps['series'];
    return { after, steps, epochs: steps.map((step) => step / stepsPerEpoch), seconds: columns.seconds.slice(from, end), series };
  }
}

/** Share of the last minutes in which steps waited for pictures, from what was written; null where nobody can tell. */
export function waitedShare(columns: MetricsColumns, seconds: number): number | null {
  const { seconds: elapsed, waited } = columns;
  const last = elapsed.at(-1);
  if (last === undefined) return null;
  const first = firstAtLeast(elapsed, last - seconds, false);
  if (first >= elapsed.length - 1) return null;
  let sum = 0;
  for (let i = first + 1; i < elapsed.length; i++) sum += waited[i]!;
  const span = last - elapsed[first]!;
  return span > 0 && Number.isFinite(sum) ? Math.min(1, Math.max(0, sum / span)) : null;
}
