import { UserError } from '../errors';
import type { ErrorCode } from '../protocol';

/** A failure with its code in the contract. The message is one plain sentence. */
export class HostError extends UserError {
  constructor(
    readonly code: Exclude<ErrorCode, 'unexpected'>,
    message: string,
  ) {
    super(message);
    this.name = 'HostError';
  }
}

export const notFound = (what: string): HostError => new HostError('not-found', `There is no ${what} any more.`);
