import type { EngineClient } from './engine-client';
import type { Supervisor } from './supervisor';

/** After a crash the run that was going goes on, and the supervisor's state says so. */
export function recoverAfterCrashes(supervisor: Supervisor, engine: EngineClient): void {
  supervisor.onReady(() => {
    const { restarts, reason, detail } = supervisor.state;
    if (restarts === 0 || reason === null) return;
    const known = { reason: reason.slice(0, 1000), detail: (detail ?? '').slice(-100_000) };
    engine.call('engine.recover', known).then(
      (result) => {
        if (result) supervisor.setRecovered(result);
      },
      (error: Error) => supervisor.log.write('engine', `no run goes on: ${error.message}`),
    );
  });
}
