/** What can be done with a run from its monitor, one thing at a time, with what is said meanwhile. */
import { goOn, pause, resume, save, saveAndStop, setWorkers, stopWithoutSaving } from '../../state/run-actions';

export class RunControl {
  /** "Pausing …" */
  #doing = $state<string>();
  #workers = $state<number>();

  constructor(readonly run: string) {}

  get doing(): string | undefined {
    return this.#doing;
  }

  /** Threads as they were set here; undefined: as the run began. */
  get workers(): number | undefined {
    return this.#workers;
  }

  pause = () => this.#do('Pausing …', pause);
  resume = () => this.#do('Going on …', resume);
  stopAndSave = () => this.#do('Saving and stopping …', saveAndStop);
  stopWithoutSaving = () => this.#do('Stopping …', stopWithoutSaving);
  goOn = () => this.#do('Going on …', goOn);
  save = () => this.#do('Saving …', save);
  adjust = (workers: number) =>
    this.#do('Changing …', async (run) => {
      const isDone = await setWorkers(run, workers);
      if (isDone) this.#workers = workers;
      return isDone;
    });

  /** False where something else was under way, too. */
  async #do(doing: string, work: (run: { run: string }) => Promise<boolean>): Promise<boolean> {
    if (this.#doing !== undefined) return false;
    this.#doing = doing;
    const isDone = await work(this);
    this.#doing = undefined;
    return isDone;
  }
}
