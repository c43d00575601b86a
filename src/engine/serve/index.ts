/**
 * The workbench for browsers (`ibot serve`): the built window over HTTP, the contract over WebSockets, pictures by their numbers, and
 * what the desktop's main process does where that makes sense without a desktop. Who may come in is `access.ts`.
 */
export { openServedWorkbench, type ServedWorkbench, type ServeOptions } from './served-workbench';
