import { Worker } from 'node:worker_threads';

const LOOK_MS = 2000;

/**
 * Ends this process `limitMs` after the one that started it is gone, whatever holds its main thread then: a driver that never
 * answers, for instance. Usually it has ended by itself long before.
 */
export function endAfterParent(limitMs: number, lookMs = LOOK_MS): void {
  const watch = new Worker(source, { eval: true, execArgv: [], workerData: { parent: process.ppid, limitMs, lookMs } });
  watch.unref();
}

/** Nothing but Node, so that it needs no file of its own. */
const source = `
  const { workerData } = require('node:worker_threads');
  const { parent, limitMs, lookMs } = workerData;
  let goneAt;
  function isThere() {
    // Where processes are handed on to another parent, its number may belong to somebody else by now.
    if (process.platform !== 'win32') return process.ppid === parent;
    try {
      return process.kill(parent, 0);
    } catch (error) {
      return error.code === 'EPERM';
    }
  }
  setInterval(() => {
    if (isThere()) return;
    goneAt ??= Date.now();
    if (Date.now() - goneAt >= limitMs) process.kill(process.pid, 'SIGKILL');
  }, lookMs);
`;
