/**
 * The command `ibot`: one file per command (their list is in program.ts), and what they share: flags from the recipe's schema,
 * the changing line at a terminal, Ctrl-C, models from runs and files. main.ts is the entry.
 */
export { makeProgram } from './program';
export { plainWords } from './recipe-flags';
