/** What somebody who wants more than they may have would try: links out of a dataset, addresses that climb, messages out of shape. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { desktopMethods, methods, type ClientMessage } from '../../../src/engine/protocol';
import { temporaryFolder } from '../../support/temporary-folder';

export interface Album {
  /** Holds `own.png`, and links to a picture and to a folder outside of it. */
  folder: string;
  own: string;
  /** A picture that belongs to nobody's dataset. */
  secret: string;
}

export async function albumWithLinksOut(): Promise<Album> {
  const place = temporaryFolder();
  const folder = join(place, 'album');
  const outside = join(place, 'private');
  for (const each of [folder, outside]) mkdirSync(each);
  const draw = (r: number) => sharp({ create: { width: 40, height: 30, channels: 3, background: { r, g: 90, b: 60 } } }).png().toBuffer();
  const [own, secret] = [join(folder, 'own.png'), join(outside, 'secret.png')];
  writeFileSync(own, await draw(20));
  writeFileSync(secret, await draw(230));
  symlinkSync(secret, join(folder, 'linked.png'));
  symlinkSync(outside, join(folder, 'linked'));
  return { folder, own, secret };
}

/** What follows the base of picture addresses; none of it leads to a picture. */
export const climbingAddresses = (dataset: string): string[] => [
  '../../etc/passwd',
  '..%2f..%2fetc%2fpasswd',
  '%2e%2e/%2e%2e/etc/passwd',
  `${dataset}/../../../etc/passwd`,
  `${dataset}/..%2f..%2fprivate%2fsecret.png`,
  `${dataset}/0/2048/0/../../../../private/secret.png`,
  `${dataset}/0/2048/0%00.png`,
  `${dataset}/own.png`,
  `${dataset}/linked.png`,
  `${dataset}/linked/secret.png`,
  `${dataset}/1/2048/0`,
  `${dataset}/4294967296/2048/0`,
  `${dataset}/-1/2048/0`,
  `${dataset}/0/2047/0`,
  `${dataset}/0/2048/0/whole`,
  `${dataset.toUpperCase()}/0/2048/0`,
  'zzzz/0/2048/0',
  '',
];

/** Params that no method takes, for every method that there is, of the engine and of the desktop. */
export function malformedCalls(firstId: number): (ClientMessage & { id: number })[] {
  const names = [...Object.keys(methods), ...Object.keys(desktopMethods)];
  const wrong: unknown[] = [7, 'params', [[]], null];
  return names.flatMap((method, i) =>
    wrong.map((params, j) => ({ kind: 'call' as const, id: firstId + i * wrong.length + j, method, params })),
  );
}

/** Calls that keep to the form and ask for what is not theirs; each is answered by an error with this code. */
export const forbiddenCalls = (dataset: string): { method: string; params: unknown; code: string }[] => [
  { method: '__proto__', params: {}, code: 'unknown-method' },
  { method: 'constructor', params: {}, code: 'unknown-method' },
  { method: 'desktop.__proto__', params: {}, code: 'unknown-method' },
  { method: 'engine.evaluate', params: { script: 'process.exit()' }, code: 'unknown-method' },
  { method: 'runs.get', params: { run: '../../etc' }, code: 'invalid' },
  { method: 'runs.get', params: { run: '__proto__' }, code: 'not-found' },
  { method: 'runs.rename', params: { run: 'none', name: '../outside' }, code: 'invalid' },
  { method: 'runs.remove', params: { runs: ['..'] }, code: 'invalid' },
  { method: 'trash.restore', params: { items: ['../../runs'] }, code: 'not-found' },
  { method: 'trash.empty', params: { items: ['..'] }, code: 'not-found' },
  { method: 'datasets.get', params: { dataset: '../..' }, code: 'invalid' },
  { method: 'datasets.get', params: { dataset: 'constructor' }, code: 'not-found' },
  { method: 'pictures.read', params: { dataset, picture: 1, size: 2048, partial: false }, code: 'not-found' },
  { method: 'pictures.read', params: { dataset, picture: 0, size: 2048, partial: false, path: '/etc/passwd' }, code: 'invalid' },
  { method: 'pictures.read', params: { dataset, picture: 0.5, size: 2048, partial: false }, code: 'invalid' },
  { method: 'pictures.attributeValues', params: { dataset, filter: {}, name: 'Place', from: 0, count: 1e9 }, code: 'invalid' },
  { method: 'monitor.log', params: { run: 'none', from: 0, count: 1e12 }, code: 'invalid' },
  { method: 'files.list', params: { path: '/etc\0/passwd' }, code: 'invalid' },
  { method: 'settings.set', params: { workers: -1 }, code: 'invalid' },
];

/** What is no call at all: it is answered by nothing, and harms nothing. */
export const rubbish: unknown[] = [
  undefined,
  null,
  0,
  'call',
  [],
  {},
  { kind: 'call' },
  { kind: 'call', id: -1, method: 'engine.info', params: {} },
  { kind: 'call', id: '1', method: 'engine.info', params: {} },
  { kind: 'call', id: 1e99, method: 'engine.info', params: {} },
  { kind: 'event', topic: 'queue', value: { jobs: [] } },
  { kind: 'result', id: 1, value: null },
  { kind: 'subscribe', topic: '__proto__' },
  { kind: 'subscribe', topic: 'desktop.constructor' },
  { kind: 'subscribe', topic: 'run.log', key: '../../etc/passwd' },
  { kind: 'subscribe', topic: 'x'.repeat(1e6) },
  { kind: 'unsubscribe', topic: 'queue', key: 'q' },
  { kind: 'cancel', id: 4 },
  new Uint8Array(1e6),
];
