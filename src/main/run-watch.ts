import { Notification, powerSaveBlocker } from 'electron';
import type { RunSummary } from '../engine/protocol';
import type { EngineClient } from '../engine/supervise';
import type { SettingsStore } from './settings';

/** Keeps the computer awake while a run is going. */
export function keepAwake(engine: EngineClient, settings: SettingsStore): void {
  let running = false;
  let blocker: number | undefined;
  const update = () => {
    const wanted = running && settings.current.keepAwake;
    if (wanted && blocker === undefined) blocker = powerSaveBlocker.start('prevent-app-suspension');
    if (!wanted && blocker !== undefined) {
      powerSaveBlocker.stop(blocker);
      blocker = undefined;
    }
  };
  engine.subscribe('engine.status', ({ busy }) => {
    running = busy;
    update();
  });
  engine.supervisor.onState(({ state }) => {
    // Nothing runs any more, and nobody will say so.
    if (state !== 'stopped') return;
    running = false;
    update();
  });
  settings.onChange(update);
}

/** A notification of the system says when a run ends or fails. A click on it calls `show`. */
export function tellEnds(engine: EngineClient, settings: SettingsStore, show: (run: string) => void): void {
  const states = new Map<string, RunSummary['state']>();
  engine.subscribe('runs', ({ whole, runs, gone }) => {
    const before = new Map(states);
    if (whole) states.clear();
    for (const name of gone) states.delete(name);
    for (const run of runs) {
      states.set(run.run, run.state);
      const went = before.get(run.run);
      if (went !== 'running' || !settings.current.notifyWhenRunEnds || !Notification.isSupported()) continue;
      const text = endText(run);
      if (!text) continue;
      const notification = new Notification({ title: text.title, body: text.body });
      notification.on('click', () => show(run.run));
      notification.show();
    }
  });
}

function endText(run: RunSummary): { title: string; body: string } | undefined {
  if (run.state === 'finished') {
    const epochs = Math.round(run.epochs);
    const score = run.knn === null ? '' : `, ${run.knn.toFixed(1)}% k-NN`;
    return { title: `${run.run} is done`, body: `${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}${score}.` };
  }
  if (run.state === 'failed') return { title: `${run.run} failed`, body: run.reason ?? 'Its last checkpoint is sound.' };
  // By hand it has no reason.
  if (run.state === 'stopped' && run.reason !== null) return { title: `${run.run} stopped`, body: run.reason };
  if (run.state === 'interrupted') return { title: `${run.run} was interrupted`, body: run.reason ?? 'It can go on.' };
  return undefined;
}
