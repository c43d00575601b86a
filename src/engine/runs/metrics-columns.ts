/** A run's metrics as columns in memory, read as the file grows: what charts ask for at any length. */
import { LineFollower } from './line-follower';
import type { EpochEvent, StepEvent } from './events';

/** Names of the measured values of step events. */
export const STEP_COLUMNS = [
  'loss',
  'cls',
  'patch',
  'koleo',
  'learningRate',
  'weightDecay',
  'momentum',
  'teacherTemperature',
  'teacherPatchTemperature',
  'gradientNorm',
  'teacherEntropy',
  'meanTeacherEntropy',
  'teacherPatchEntropy',
  'meanTeacherPatchEntropy',
  'picturesPerSecond',
  'memoryBytes',
] as const satisfies readonly (keyof StepEvent)[];
export type StepColumn = (typeof STEP_COLUMNS)[number];

type Line<Event> = { [Name in keyof Event]?: unknown } & { time?: unknown };

const numberOf = (value: unknown): number => (typeof value === 'number' ? value : NaN);

/** Gaps longer than this were no training, in runs from before `elapsed` was written. */
const LONGEST_STEP = 600;

/** Numbers that are added one by one. */
class Column<Values extends Float32Array | Float64Array> {
  private values: Values;
  length = 0;

  constructor(private readonly make: (length: number) => Values) {
    this.values = make(1024);
  }

  push(value: number): void {
    if (this.length === this.values.length) {
      const larger = this.make(this.length * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.length++] = value;
  }

  /** What is there now; later additions do not show in it. */
  get view(): Values {
    return this.values.subarray(0, this.length) as Values;
  }
}

const float32 = (): Column<Float32Array> => new Column((length) => new Float32Array(length));
const float64 = (): Column<Float64Array> => new Column((length) => new Float64Array(length));

export class MetricsColumns {
  private steps = float64();
  private times = float64();
  private elapsed = float64();
  private waits = float32();
  private columns = new Map(STEP_COLUMNS.map((name) => [name, float32()]));
  /** Epoch lines as they stand in the file, with the seconds until then. */
  epochs: EpochEvent[] = [];
  /** Raised when the file became another one: what was told of it may be void. */
  generation = 0;
  private readonly follower: LineFollower;

  constructor(metricsFile: string) {
    this.follower = new LineFollower(metricsFile, { line: (text) => this.take(text), restart: () => this.restart() });
  }

  catchUp(): Promise<void> {
    return this.follower.catchUp();
  }

  /** Number of steps that are known. */
  get count(): number {
    return this.steps.length;
  }

  /** Steps done, ascending. */
  get step(): Float64Array {
    return this.steps.view;
  }

  /** Seconds of training until each step. */
  get seconds(): Float64Array {
    return this.elapsed.view;
  }

  /** Seconds that each step waited for pictures; NaN where nobody measured. */
  get waited(): Float32Array {
    return this.waits.view;
  }

  /** Seconds since 1970. */
  get written(): Float64Array {
    return this.times.view;
  }

  of(name: StepColumn): Float32Array {
    return this.columns.get(name)!.view;
  }

  private restart(): void {
    this.steps = float64();
    this.times = float64();
    this.elapsed = float64();
    this.waits = float32();
    this.columns = new Map(STEP_COLUMNS.map((name) => [name, float32()]));
    this.epochs = [];
    this.generation++;
  }

  private take(text: string): void {
    let line: Line<StepEvent> & Line<EpochEvent>;
    try {
      line = JSON.parse(text) as typeof line;
    } catch {
      // Charts do without a broken line.
      return;
    }
    if (line.event === 'step') this.takeStep(line);
    else if (line.event === 'epoch') {
      const elapsed = typeof line.elapsed === 'number' ? line.elapsed : (this.elapsed.view.at(-1) ?? 0);
      this.epochs.push({ ...(line as unknown as EpochEvent), elapsed });
    }
  }

  private takeStep(line: Line<StepEvent>): void {
    const step = numberOf(line.step);
    // A line that goes back is void until the file is written anew.
    if (!(step > (this.steps.view.at(-1) ?? 0))) return;
    const time = numberOf(line.time);
    this.elapsed.push(typeof line.elapsed === 'number' ? line.elapsed : this.guessedElapsed(time));
    this.steps.push(step);
    this.times.push(time);
    this.waits.push(numberOf(line.waited));
    for (const [name, column] of this.columns) column.push(numberOf(line[name]));
  }

  private guessedElapsed(time: number): number {
    const before = this.times.view.at(-1);
    const gap = before === undefined ? 0 : time - before;
    return (this.elapsed.view.at(-1) ?? 0) + (gap > 0 && gap < LONGEST_STEP ? gap : 0);
  }
}
