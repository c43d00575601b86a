/** Tells those who look at a run what is new of it: read from its files, so that it works for runs of other processes, too. */
import { join } from 'node:path';
import { MetricsColumns, panelSteps, readBasis, readPanelHead, STEP_COLUMNS, type EpochEvent } from '../runs';
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

/** What those who look know, and of which file it is: that one may be another by the next look. */
interface Told {
  generation: number;
  step: Float64Array;
  written: Float64Array;
  epochs: readonly EpochEvent[];
}

/** So many steps are told at once; the rest comes with the next look. */
const MOST_STEPS = 20_000;

export class RunWatcher {
  readonly columns: MetricsColumns;
  readonly log: RunLog;
  private readonly panelFolder: string;
  private told: Told;
  private toldLines = 0;
  private toldPanel = -1;

  private constructor(readonly entry: RunEntry) {
    this.columns = new MetricsColumns(join(entry.folder, 'metrics.jsonl'));
    this.log = new RunLog(entry.folder);
    this.panelFolder = join(entry.folder, 'panels');
    this.told = this.toldUpTo(0, 0);
  }

  /** What is there now counts as told. */
  static async open(entry: RunEntry): Promise<RunWatcher> {
    const watcher = new RunWatcher(entry);
    await Promise.all([watcher.columns.catchUp(), watcher.log.catchUp()]);
    watcher.told = watcher.toldUpTo(watcher.columns.count, watcher.columns.epochs.length);
    watcher.toldLines = watcher.log.lines.length;
    watcher.toldPanel = (await panelSteps(watcher.panelFolder)).at(-1) ?? -1;
    return watcher;
  }

  /** The last step that was told. */
  get lastStep(): number {
    return this.told.step.at(-1) ?? 0;
  }

  get lastEpochStep(): number {
    return this.told.epochs.at(-1)?.step ?? 0;
  }

  /** Nothing, in the form of something: the first event of a subscription. */
  get noSteps(): Steps {
    return this.stepsBetween(this.lastStep, 0, 0);
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
    await Promise.all([columns.catchUp(), this.log.catchUp()]);
    const watched: Watched = {};
    // Whoever asked for curves may have read the file meanwhile.
    if (columns.generation !== this.told.generation) {
      // It goes on from a checkpoint: what both have in common stands, the rest is void.
      const before = this.told;
      const { step, written } = columns;
      let common = 0;
      while (common < before.step.length && before.step[common] === step[common] && before.written[common] === written[common]) common++;
      const kept = common > 0 ? before.step[common - 1]! : 0;
      this.told = this.toldUpTo(common, before.epochs.filter((event) => event.step <= kept).length);
      if (common < before.step.length) {
        watched.steps = this.noSteps;
        watched.epochs = { after: kept, ...epochColumns([], this.stepsPerEpoch) };
      }
    }
    const from = { steps: this.told.step.length, epochs: this.told.epochs.length };
    const end = Math.min(columns.count, from.steps + MOST_STEPS);
    if (end > from.steps) watched.steps = this.stepsBetween(this.lastStep, from.steps, end);
    if (columns.epochs.length > from.epochs) {
      watched.epochs = { after: this.lastEpochStep, ...epochColumns(columns.epochs.slice(from.epochs), this.stepsPerEpoch) };
    }
    this.told = this.toldUpTo(end, columns.epochs.length);
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

  private toldUpTo(steps: number, epochs: number): Told {
    const { generation, step, written } = this.columns;
    return { generation, step: step.subarray(0, steps), written, epochs: this.columns.epochs.slice(0, epochs) };
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
