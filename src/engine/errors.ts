/**
 * An error whose message is for the person at the screen: what happened, and what to do, in one sentence.
 * Everything else that is thrown is a defect of the program, and is shown with its stack only under --debug.
 */
export class UserError extends Error {
  constructor(
    message: string,
    /** Process exit status on the command line. */
    readonly exitCode = 1,
  ) {
    super(message);
    this.name = 'UserError';
  }
}
