/**
 * The other side of host/main.ts: starts the engine as a process of its own, notices that it ended or hangs and starts it again, and
 * carries messages between windows and it. Both the desktop's main process and `ibot serve` are built on it; it knows neither
 * Electron nor HTTP, and of the engine only the contract.
 */
export { EngineClient } from './engine-client';
export type { EngineProgram } from './engine-process';
export { recoverAfterCrashes } from './recovery';
export { Relay, type DesktopService, type DesktopTopicValues, type WindowPort } from './relay';
export { Supervisor, type SupervisionLog } from './supervisor';
