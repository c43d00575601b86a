/** What can be done with a run from its monitor, one thing at a time, with what is said meanwhile and after. */
import { engine, toasts } from '../../state';
import { bytes, duration, number } from '../../state/words';

export class RunControl {
  /** "Pausing …" */
  #doing = $state<string>();

  constructor(readonly run: string) {}

  get doing(): string | undefined {
    return this.#doing;
  }

  pause = () => this.#do('Pausing …', () => engine.call('runs.pause', { run: this.run }));
  resume = () => this.#do('Going on …', () => engine.call('runs.resume', { run: this.run }));
  stopAndSave = () => this.#do('Saving and stopping …', () => engine.call('runs.stop', { run: this.run, save: true }));
  stopWithoutSaving = () => this.#do('Stopping …', () => engine.call('runs.stop', { run: this.run, save: false }));
  goOn = () => this.#do('Going on …', () => engine.call('runs.continue', { run: this.run }));
  save = () =>
    this.#do('Saving …', async () => {
      const saved = await engine.call('runs.save', { run: this.run });
      toasts.say(`Step ${number(saved.step)} is saved: ${bytes(saved.bytes)} in ${duration(saved.seconds)}.`, { tone: 'good' });
    });
  adjust = (workers: number) =>
    this.#do('Changing …', async () => {
      await engine.call('runs.adjust', { run: this.run, workers });
      toasts.say(`Pictures are read with ${workers === 1 ? 'one thread' : `${workers} threads`} from the next step on.`, { tone: 'good' });
    });

  async #do(doing: string, work: () => Promise<unknown>): Promise<void> {
    if (this.#doing !== undefined) return;
    this.#doing = doing;
    try {
      await work();
    } catch (error) {
      toasts.fail(error);
    }
    this.#doing = undefined;
  }
}
