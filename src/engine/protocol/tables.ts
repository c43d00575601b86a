/** All methods and topics by name, their types, and the checks of what is inside messages. */
import { z } from 'zod';
import { datasetMethods, datasetTopics } from './datasets';
import { desktopMethods, desktopTopics } from './desktop';
import { deviceMethods, deviceTopics } from './devices';
import { duplicateMethods } from './duplicates';
import { engineMethods, engineTopics } from './engine';
import { libraryMethods, libraryTopics } from './library';
import {
  firstIssue,
  ProtocolError,
  type CallMessage,
  type EventMessage,
  type SubscribeMessage,
  type UnsubscribeMessage,
} from './messages';
import { monitorMethods, monitorTopics } from './monitor';
import { pictureMethods } from './pictures';
import { problemMethods } from './problems';
import { recipeMethods } from './recipes';
import { runMethods, runTopics } from './runs';
import { statisticsMethods } from './statistics';
import { taskMethods, taskTopics } from './tasks';

/** What the engine answers. */
export const methods = {
  ...engineMethods,
  ...deviceMethods,
  ...libraryMethods,
  ...taskMethods,
  ...datasetMethods,
  ...pictureMethods,
  ...problemMethods,
  ...duplicateMethods,
  ...statisticsMethods,
  ...recipeMethods,
  ...runMethods,
  ...monitorMethods,
};

/** What the engine tells by itself; `key`: what its key is, null where there is one stream for all. */
export const topics = {
  ...engineTopics,
  ...deviceTopics,
  ...libraryTopics,
  ...taskTopics,
  ...datasetTopics,
  ...runTopics,
  ...monitorTopics,
};

type Schemas = Record<string, { params: z.ZodType; result: z.ZodType }>;
type TopicSchemas = Record<string, { key: z.ZodType | null; value: z.ZodType }>;

type EngineMethods = typeof methods;
type DesktopMethods = typeof desktopMethods;
type AllMethods = EngineMethods & DesktopMethods;
type EngineTopics = typeof topics;
type DesktopTopics = typeof desktopTopics;
type AllTopics = EngineTopics & DesktopTopics;

/** Methods of the engine. */
export type MethodName = keyof EngineMethods;
/** Methods of the desktop's main process. */
export type DesktopMethodName = keyof DesktopMethods;
export type Params<M extends keyof AllMethods> = z.infer<AllMethods[M]['params']>;
export type Result<M extends keyof AllMethods> = z.infer<AllMethods[M]['result']>;

export type TopicName = keyof EngineTopics;
export type DesktopTopicName = keyof DesktopTopics;
export type TopicValue<T extends keyof AllTopics> = z.infer<AllTopics[T]['value']>;
/** Topics that take a key (a run's name). */
export type KeyedTopicName = { [T in keyof AllTopics]: AllTopics[T]['key'] extends null ? never : T }[keyof AllTopics];

/** A call whose params are known to keep to the contract. */
export type Call = { [M in MethodName]: { id: number; method: M; params: Params<M> } }[MethodName];
export type DesktopCall = { [M in DesktopMethodName]: { id: number; method: M; params: Params<M> } }[DesktopMethodName];

/** An implementation of methods. `signal` ends with a `cancel` or with the connection. */
export type Handlers<Names extends keyof AllMethods> = {
  [M in Names]: (params: Params<M>, context: { signal: AbortSignal }) => Promise<Result<M>> | Result<M>;
};

/** The params of a call of the engine, checked. @throws ProtocolError with the call's id */
export const parseCall = (message: CallMessage): Call => checkCall(methods, message) as Call;

/** As `parseCall`, for the methods of main. */
export const parseDesktopCall = (message: CallMessage): DesktopCall => checkCall(desktopMethods, message) as DesktopCall;

/** Whether a method is main's own; all others are the engine's. */
export const isDesktopName = (name: string): boolean => name.startsWith('desktop.');

/** What a call gave, checked: engine and window may be of different versions. @throws ProtocolError */
export function parseResult<M extends keyof AllMethods>(method: M, value: unknown): Result<M> {
  const table: Schemas = isDesktopName(method) ? desktopMethods : methods;
  const parsed = table[method]!.result.safeParse(value);
  if (parsed.success) return parsed.data as Result<M>;
  throw new ProtocolError(`What the engine answered to ${method} is not valid: ${firstIssue(parsed.error)}.`);
}

/** A subscription's topic and key, checked. @throws ProtocolError */
export function parseSubscription(message: SubscribeMessage | UnsubscribeMessage): {
  topic: TopicName | DesktopTopicName;
  key: string | undefined;
} {
  const { topic, key } = message;
  const found = topicOf(topic);
  checkKey(topic, found.key, key);
  return { topic: topic as TopicName | DesktopTopicName, key };
}

/** An event whose value is known to keep to the contract. */
export type TopicEvent = {
  [T in keyof AllTopics]: { topic: T; key: string | undefined; value: TopicValue<T> };
}[keyof AllTopics];

/** An event's value, checked. @throws ProtocolError */
export function parseEvent(message: EventMessage): TopicEvent {
  const { topic, key, value } = message;
  const found = topicOf(topic);
  checkKey(topic, found.key, key);
  const parsed = found.value.safeParse(value);
  if (!parsed.success) throw new ProtocolError(`An event of ${topic} is not valid: ${firstIssue(parsed.error)}.`);
  return { topic, key, value: parsed.data } as TopicEvent;
}

function checkCall(table: Schemas, { id, method, params }: CallMessage): { id: number; method: string; params: unknown } {
  if (!Object.hasOwn(table, method)) {
    throw new ProtocolError(`There is no method ${JSON.stringify(method)}.`, 'unknown-method', id);
  }
  const parsed = table[method]!.params.safeParse(params);
  if (parsed.success) return { id, method, params: parsed.data };
  throw new ProtocolError(`The call of ${method} is not valid: ${firstIssue(parsed.error)}.`, 'invalid', id);
}

function topicOf(name: string): TopicSchemas[string] {
  const table: TopicSchemas = isDesktopName(name) ? desktopTopics : topics;
  if (!Object.hasOwn(table, name)) throw new ProtocolError(`There is no topic ${JSON.stringify(name)}.`);
  return table[name]!;
}

function checkKey(topic: string, schema: z.ZodType | null, key: string | undefined): void {
  if (schema === null) {
    if (key !== undefined) throw new ProtocolError(`The topic ${topic} takes no key.`);
    return;
  }
  const parsed = schema.safeParse(key);
  if (!parsed.success) throw new ProtocolError(`The key of ${topic} is not valid: ${firstIssue(parsed.error)}.`);
}
