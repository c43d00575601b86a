/**
 * The training loop: batches in, steps on the device, reports out; at the end of an epoch what was measured; checkpoints
 * in between. Everything that decides about results depends on (recipe, manifest, step) and on the checkpoint alone.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { PicturesGoneError, requirePictures, type Batch } from '../data';
import { settingsAt, type StepReport } from '../ibot';
import { checkpointBytes, writeCheckpoint, type CheckpointContents } from './checkpoint';
import { EpochProgress } from './epoch-progress';
import type { DoneEvent, EpochEvaluation, EpochEvent, WarningCode } from './events';
import { diagnose } from './diagnose';
import { HealthMonitor } from './health';
import type { RunControl, Saved } from './run-control';
import type { RunParts } from './run-parts';
import { SavingCost } from './saving-cost';
import { SpeedMeter, stepEvent, type StepEventOptions } from './step-events';

const REPORTS_IN_DIAGNOSIS = 50;

export class TrainingRun {
  private step: number;
  private progress: EpochProgress;
  private readonly steps: number;
  private readonly health: HealthMonitor;
  private readonly speed = new SpeedMeter();
  private readonly eventOptions: Omit<StepEventOptions, 'elapsed' | 'waited'>;
  /** Pictures of steps whose report is still to come, by step. */
  private readonly underWay = new Map<number, Uint32Array[]>();
  private readonly recent: StepReport[] = [];
  private epochSeconds = 0;
  private readonly startedAt = performance.now();
  private savedAt = this.startedAt;
  private readonly savingCost: SavingCost;
  private saved: string | undefined;
  private lastCheckpoint: Saved | undefined;
  /** Seconds of waiting for somebody to let the run go on. */
  private paused = 0;
  /** Seconds that the last step waited for its pictures, by step. */
  private readonly waited = new Map<number, number>();

  /** @param from what the checkpoint said, already on the device; undefined for a run from the start */
  constructor(
    private readonly parts: RunParts,
    from: CheckpointContents | undefined,
  ) {
    const { recipe, schedules, stepsPerEpoch, trainer } = parts;
    this.step = from?.step ?? 0;
    this.progress = new EpochProgress(from?.progress);
    this.steps = schedules.steps;
    this.health = new HealthMonitor(recipe, stepsPerEpoch, this.steps);
    this.savingCost = new SavingCost(recipe.checkpoint_every);
    const { arenaBytes, stateBytes } = trainer.layout.memory;
    this.eventOptions = { steps: this.steps, batchSize: recipe.batch_size, memoryBytes: arenaBytes + stateBytes };
    if (from) {
      this.lastCheckpoint = { step: from.step, bytes: 0, seconds: 0 };
      this.saved = this.stateKey;
    }
  }

  /** Trains to the end, or until the signal; saves either way, and when the pictures went away. */
  async train(): Promise<DoneEvent> {
    try {
      return await this.takeSteps();
    } catch (error) {
      // What was computed so far is sound, and goes on when they are back.
      if (error instanceof PicturesGoneError && this.step > 0) await this.save().catch(() => undefined);
      throw error;
    }
  }

  private async takeSteps(): Promise<DoneEvent> {
    const { signal, recipe, control, panels } = this.parts;
    await this.measureBaselines();
    // A device or decoder at work in this process must not keep the signal from being heard.
    for (; ; await nextTurn()) {
      if (control) await this.boundary(control);
      if (this.isAtEpochEnd && !signal?.aborted) await this.endEpoch();
      if (signal?.aborted) break;
      // Asked to pause while it measured: the epoch is still open.
      if (this.isAtEpochEnd) continue;
      if (panels?.isDue(this.elapsed)) await panels.add(this.place, this.elapsed);
      if (this.step >= this.steps) break;
      const minutes = (performance.now() - this.savedAt) / 60_000;
      if (recipe.checkpoint_minutes > 0 && minutes >= recipe.checkpoint_minutes) await this.save();
      await this.trainStep();
    }
    await this.settle();
    // One that came to its end is saved, whatever was asked a moment ago.
    if (this.step >= this.steps || (control?.savesAtEnd ?? true)) await this.save();
    if (this.step >= this.steps) await panels?.add(this.place, this.elapsed);
    const finished = this.step >= this.steps && !this.isAtEpochEnd;
    return this.done(finished ? 'finished' : 'stopped', null);
  }

  /** Until there is something to compare with, or somebody stops the run. */
  private async measureBaselines(): Promise<void> {
    const { evaluation, signal, control } = this.parts;
    for (;;) {
      await evaluation.measureBaselines(this.interrupted);
      if (!control?.interrupted.aborted || signal?.aborted) return;
      await this.boundary(control);
    }
  }

  /** Between two steps: what was asked of the run meanwhile. */
  private async boundary(control: RunControl): Promise<void> {
    const start = performance.now();
    const before = this.savedAt;
    await control.atBoundary({ save: () => this.save() });
    // Saving is part of the run's time, waiting is not.
    this.paused += (performance.now() - Math.max(start, this.savedAt > before ? this.savedAt : start)) / 1000;
  }

  /** Ends what is measured: a stop, or a pause. */
  private get interrupted(): AbortSignal | undefined {
    const { signal, control } = this.parts;
    if (!control) return signal;
    return signal ? AbortSignal.any([signal, control.interrupted]) : control.interrupted;
  }

  /** Seconds of computing, all processes of the run together. */
  private get elapsed(): number {
    return this.parts.elapsedBefore + (performance.now() - this.startedAt) / 1000 - this.paused;
  }

  private get place(): { step: number; epoch: number } {
    return { step: this.step, epoch: this.step / this.parts.stepsPerEpoch };
  }

  done(state: DoneEvent['state'], reason: string | null): DoneEvent {
    const { folder, knn } = this.parts;
    const { step, steps } = this;
    return { event: 'done', state, folder: folder.path, step, steps, knn: knn.last, bestKnn: knn.best, reason };
  }

  /** An epoch's steps are through, or the run's, and it is not closed yet. */
  private get isAtEpochEnd(): boolean {
    const pending = !this.progress.isEmpty || this.underWay.size > 0;
    return pending && (this.step % this.parts.stepsPerEpoch === 0 || this.step >= this.steps);
  }

  /** Two states with the same key make the same checkpoint. */
  private get stateKey(): string {
    return `${this.step} ${this.progress.isEmpty}`;
  }

  private async trainStep(): Promise<void> {
    const { schedules, trainer } = this.parts;
    const start = performance.now();
    const { step } = this;
    const { epoch, batches } = await this.batchesOf(step);
    this.waited.set(step, (performance.now() - start) / 1000);
    this.underWay.set(
      step,
      batches.map(({ indices }) => indices),
    );
    await trainer.step({ step, epoch }, settingsAt(schedules, step), batches);
    this.step++;
    const seconds = (performance.now() - start) / 1000;
    this.speed.stepTaken(seconds);
    this.addTime(seconds);
    await this.take(trainer.takeReports());
  }

  private async batchesOf(step: number): Promise<{ epoch: number; batches: Batch[] }> {
    const { loader, recipe, stepsPerEpoch, trainer } = this.parts;
    const epoch = Math.floor(step / stepsPerEpoch);
    const first = (step % stepsPerEpoch) * recipe.accumulate;
    const batches: Batch[] = [];
    for (let micro = 0; micro < recipe.accumulate; micro++) {
      batches.push(await trainer.gpu.wait(loader.batch(epoch, first + micro)));
    }
    return { epoch, batches };
  }

  private addTime(seconds: number): void {
    this.epochSeconds += seconds;
    this.parts.evaluation.schedule.addTraining(seconds);
  }

  /** Waits for all reports of steps taken. */
  private async settle(): Promise<void> {
    const start = performance.now();
    const reports = await this.parts.trainer.finish();
    const seconds = (performance.now() - start) / 1000;
    this.speed.settled(seconds);
    this.addTime(seconds);
    await this.take(reports);
  }

  private async take(reports: readonly StepReport[]): Promise<void> {
    for (const report of reports) {
      const indices = this.underWay.get(report.step)!;
      this.recent.push(report);
      if (this.recent.length > REPORTS_IN_DIAGNOSIS) this.recent.shift();
      if (report.halted) await this.halt(report, indices);
      this.underWay.delete(report.step);
      this.progress.add(report, indices);
      const times = { elapsed: this.elapsed, waited: this.waited.get(report.step) ?? 0 };
      this.waited.delete(report.step);
      const event = stepEvent(report, this.speed.secondsPerStep, { ...this.eventOptions, ...times });
      await this.parts.metrics.step(event);
      this.parts.emit(event);
      for (const { code, message } of this.health.step(report)) this.warn(code, message);
    }
  }

  private warn(code: WarningCode, message: string): void {
    this.parts.emit({ event: 'warning', code, message, step: this.step });
  }

  private async endEpoch(): Promise<void> {
    const { parts } = this;
    const { recipe, manifest, metrics, emit, evaluation, knn, stepsPerEpoch } = parts;
    await this.settle();
    await parts.control?.leaveSteps();
    const epoch = Math.ceil(this.step / stepsPerEpoch);
    const isLast = this.step >= this.steps;
    const decision = evaluation.schedule.decide(epoch, isLast);
    let measured: EpochEvaluation | null = null;
    if (decision.evaluate) {
      // Pictures that cannot be read are left out of what is measured, and this would be all of them.
      await requirePictures(manifest);
      measured = await evaluation.measure(this.interrupted);
      // Asked to stop meanwhile: the epoch stays open, and is measured when the run goes on.
      if (!measured) return;
      await requirePictures(manifest);
      const signs = this.health.rank(this.step, measured.teacher.rank, evaluation.untrainedRank);
      for (const { code, message } of signs) this.warn(code, message);
      knn.add(measured);
    }
    const { teacherPatchEntropy: _patch, meanTeacherPatchEntropy: _meanPatch, ...summary } = this.progress.summary(manifest);
    const event: EpochEvent = {
      event: 'epoch',
      step: this.step,
      epoch,
      epochs: Math.ceil(this.steps / stepsPerEpoch),
      ...summary,
      evaluation: measured,
      evaluationSkipped: decision.evaluate ? null : decision.reason,
      seconds: this.epochSeconds,
      elapsed: this.elapsed,
    };
    this.progress = new EpochProgress();
    this.epochSeconds = 0;
    await metrics.epoch(event);
    emit(event);
    await this.listBadPictures();
    const { checkpoint_every: every } = recipe;
    const wanted = (every > 0 && epoch % every === 0) || parts.store.isKeptForGood(this.step);
    if (wanted && !isLast) await this.save();
  }

  /** Writes a checkpoint of this moment, unless there is one. */
  private async save(): Promise<Saved> {
    const { folder, record, trainer, identity, store, metrics, emit, stepsPerEpoch } = this.parts;
    await this.settle();
    if (this.saved === this.stateKey && this.lastCheckpoint) {
      this.savedAt = performance.now();
      return this.lastCheckpoint;
    }
    const start = performance.now();
    const progress = this.progress.state();
    const needed = checkpointBytes(trainer.network, progress.pictures.length);
    emit({ event: 'saving', step: this.step, bytes: needed });
    await metrics.flush();
    await store.requireSpace(needed);
    // Before the checkpoint: one with this step knows of these pictures, an earlier one does not.
    await this.listBadPictures(this.step);
    const path = store.path(this.step);
    const bytes = await writeCheckpoint(path, trainer.gpu, trainer.network, identity, { step: this.step, progress });
    await store.prune();
    record.step = this.step;
    await folder.writeRecord(record);
    this.saved = this.stateKey;
    this.savedAt = performance.now();
    const seconds = (this.savedAt - start) / 1000;
    this.lastCheckpoint = { step: this.step, bytes, seconds };
    emit({ event: 'checkpoint', step: this.step, epoch: Math.ceil(this.step / stepsPerEpoch), path, bytes, seconds });
    const note = this.savingCost.add(seconds, (this.savedAt - this.startedAt) / 1000);
    if (note !== undefined) emit({ event: 'note', message: note });
    return this.lastCheckpoint;
  }

  /** Writes the list of pictures that could not be read, if it has grown, and says so. */
  async listBadPictures(savedAt?: number): Promise<void> {
    const { folder, loader, evaluation, badPictures, emit } = this.parts;
    const pictures = await badPictures.update([...loader.problems, ...evaluation.problems], savedAt);
    const more = pictures.length;
    if (more === 0) return;
    emit({ event: 'bad-pictures', step: this.step, pictures });
    const these = more === 1 ? '1 more picture could not be read and was' : `${more} more pictures could not be read and were`;
    this.warn('bad-pictures', `${these} passed over: see ${folder.badPicturesFile}.`);
  }

  /** Saves what is known about a value that is not finite, and ends the run. */
  private async halt(report: StepReport, indices: readonly Uint32Array[]): Promise<never> {
    this.step = report.halted!.step;
    const { recent, lastCheckpoint } = this;
    throw await diagnose(this.parts, { report, indices, recent, lastCheckpoint: lastCheckpoint?.step }, (step) => this.batchesOf(step));
  }
}
