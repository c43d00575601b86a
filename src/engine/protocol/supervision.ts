/**
 * What the desktop's main process and the engine that it started say to each other over the child's channel, around the contract's
 * own messages: which window a message belongs to, and whether the engine is alive.
 */
import { z } from 'zod';

/** Seconds without an answer to a ping after which the engine counts as hung. */
export const hangLimitSeconds = 30;

const client = z.number().int().nonnegative();

export const toEngineSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ping'), at: z.number() }),
  z.strictObject({ kind: z.literal('open'), client }),
  z.strictObject({ kind: z.literal('close'), client }),
  z.strictObject({ kind: z.literal('message'), client, message: z.unknown() }),
]);
export type ToEngine = z.infer<typeof toEngineSchema>;

export const fromEngineSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ready') }),
  /** It cannot begin, for a reason that somebody can mend: one sentence. Then it ends. */
  z.strictObject({ kind: z.literal('refused'), message: z.string() }),
  z.strictObject({ kind: z.literal('pong'), at: z.number() }),
  z.strictObject({ kind: z.literal('message'), client, message: z.unknown() }),
]);
export type FromEngine = z.infer<typeof fromEngineSchema>;
