/**
 * The messages, whatever carries them: a port of Electron, a pipe, a WebSocket.
 *
 * - The window calls: `call` is answered by one `result` or one `error` with its `id`. Ids are the window's own, any number that
 *   no open call has. `cancel` says that nobody waits any more: the engine ends the work where it can, and the call with
 *   the error code `cancelled`.
 * - The window subscribes: the present value of the topic comes at once as its first `event`, then one `event` per change, until
 *   `unsubscribe`. Subscribing twice to the same topic and key sends the present value again and adds nothing else.
 *   What is subscribed ends with the connection: a window that connects again subscribes again.
 * - Values are what structured cloning carries: plain objects, arrays, strings, finite numbers, booleans, null, typed arrays.
 */
import { z } from 'zod';

/**
 * user: something the user can mend, `message` says what · invalid: the message does not keep to the contract ·
 * unknown-method · not-found: no such dataset, picture, run, task … (any more) · cancelled · busy: not now, `message` says
 * when · gone: the engine ended or was restarted before it answered (said by what connects to it) · unexpected: a defect;
 * `detail` is for "Copy details".
 */
export const errorCode = z.enum(['user', 'invalid', 'unknown-method', 'not-found', 'cancelled', 'busy', 'gone', 'unexpected']);
export type ErrorCode = z.infer<typeof errorCode>;

export const errorValue = z.object({
  /** One plain sentence: what happened, what it means, what to do. */
  message: z.string(),
  code: errorCode.optional(),
  /** Stack and circumstances, many lines. */
  detail: z.string().optional(),
});
export type ErrorValue = z.infer<typeof errorValue>;

const id = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const method = z.string().min(1).max(64);
const topic = z.string().min(1).max(64);
const key = z.string().min(1).max(200);

const call = z.strictObject({ kind: z.literal('call'), id, method, params: z.unknown() });
const cancel = z.strictObject({ kind: z.literal('cancel'), id });
const subscribe = z.strictObject({ kind: z.literal('subscribe'), topic, key: key.optional() });
const unsubscribe = z.strictObject({ kind: z.literal('unsubscribe'), topic, key: key.optional() });
const result = z.strictObject({ kind: z.literal('result'), id, value: z.unknown() });
const error = z.strictObject({ kind: z.literal('error'), id, error: errorValue });
const event = z.strictObject({ kind: z.literal('event'), topic, key: key.optional(), value: z.unknown() });

const clientMessage = z.discriminatedUnion('kind', [call, cancel, subscribe, unsubscribe]);
const engineMessage = z.discriminatedUnion('kind', [result, error, event]);

export type CallMessage = z.infer<typeof call>;
export type SubscribeMessage = z.infer<typeof subscribe>;
export type UnsubscribeMessage = z.infer<typeof unsubscribe>;
export type EventMessage = z.infer<typeof event>;
/** From the window to the engine. */
export type ClientMessage = z.infer<typeof clientMessage>;
/** From the engine to the window. */
export type EngineMessage = z.infer<typeof engineMessage>;
export type Message = ClientMessage | EngineMessage;

/** A message or value that does not keep to the contract, in one sentence. Nothing was done. */
export class ProtocolError extends Error {
  constructor(
    message: string,
    readonly code: 'invalid' | 'unknown-method' = 'invalid',
    /** Of the call, where it could be read: then it is to be answered with this error. */
    readonly id?: number,
  ) {
    super(message);
    this.name = 'ProtocolError';
  }

  toErrorValue(): ErrorValue {
    return { message: this.message, code: this.code };
  }
}

/** Who sent a message. */
export type Sender = 'client' | 'engine';

/**
 * Checks what came in. Only the envelope: params, results and events are checked by `parseCall`, `parseResult`, `parseEvent`.
 * @throws ProtocolError
 */
export function parseMessage(value: unknown, from: 'client'): ClientMessage;
export function parseMessage(value: unknown, from: 'engine'): EngineMessage;
export function parseMessage(value: unknown, from: Sender): Message;
export function parseMessage(value: unknown, from: Sender): Message {
  const parsed = (from === 'client' ? clientMessage : engineMessage).safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ProtocolError(`A message of the ${from} is not valid: ${firstIssue(parsed.error)}.`, 'invalid', idOf(value));
}

function idOf(value: unknown): number | undefined {
  const given = typeof value === 'object' && value !== null && 'id' in value ? id.safeParse(value.id) : undefined;
  return given?.data;
}

/** What is wrong, short, whatever was sent: "params.count: Too big: expected number to be <=2000". */
export function firstIssue(problem: z.ZodError): string {
  const issue = problem.issues[0];
  if (!issue) return 'it is not what was expected';
  const where = issue.path.map(String).join('.');
  // What was sent may be quoted in it.
  const said = `${where ? `${where}: ` : ''}${issue.message}`.replace(/\p{C}+/gu, ' ');
  return said.length > 200 ? `${said.slice(0, 200)} …` : said;
}
