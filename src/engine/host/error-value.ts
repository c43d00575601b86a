import { UserError } from '../errors';
import { GpuLostError } from '../gpu';
import { ProtocolError, type ErrorValue } from '../protocol';
import { HostError } from './host-error';

const isAbort = (error: unknown): boolean => error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError');

/** An error as it travels: one plain sentence for what somebody can mend, the rest with its stack for "Copy details". */
export function errorValueOf(error: unknown): ErrorValue {
  if (error instanceof HostError) return { message: error.message, code: error.code };
  if (error instanceof UserError) return { message: error.message, code: 'user' };
  if (error instanceof ProtocolError) {
    // A result that does not keep to the contract is a defect; its sentence says which.
    const code = error.id === undefined ? 'unexpected' : error.code;
    return { message: error.message, code, ...(code === 'unexpected' ? { detail: error.stack ?? '' } : {}) };
  }
  if (error instanceof GpuLostError) {
    return { message: `${error.message} It is being opened anew: try again in a moment.`, code: 'busy', detail: error.stack ?? '' };
  }
  if (isAbort(error)) return { message: 'This was cancelled.', code: 'cancelled' };
  const said = error instanceof Error ? error.message : String(error);
  const short = said.length > 300 ? `${said.slice(0, 300)} …` : said;
  const detail = error instanceof Error ? (error.stack ?? said) : said;
  return { message: `Something unexpected happened in the engine (${short}).`, code: 'unexpected', detail };
}
