/**
 * Who may come in. Three things, each by itself enough to keep a foreign page out: the token (or the cookie that it was exchanged for),
 * the name that the browser thinks it talks to (`Host`), and the page that asks (`Origin`).
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

const secretBytes = 32;
const secret = (): string => randomBytes(secretBytes).toString('base64url');

/** Takes the same time wherever the first difference is, also for other lengths. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether nobody but this machine reaches it. */
export function isLoopback(address: string): boolean {
  const version = isIP(address);
  if (version === 0) return address === 'localhost';
  return loopback.check(address, version === 6 ? 'ipv6' : 'ipv4');
}

export interface AccessOptions {
  /** What it listens on. */
  address: string;
  /** Names by which browsers may know it, besides addresses: those of this machine and of what stands before it. */
  names: readonly string[];
}

/** `Host` taken apart; IPv6 addresses without their brackets. */
interface HostName {
  name: string;
  port: string;
}

export function parseHost(header: string | undefined): HostName | undefined {
  const parts = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?))(?::(\d{1,5}))?$/i.exec(header ?? '');
  if (!parts || (parts[1] !== undefined && isIP(parts[1]) !== 6)) return undefined;
  return { name: (parts[1] ?? parts[2]!).toLowerCase(), port: parts[3] ?? '80' };
}

export class Access {
  /** Printed once; opens the door and nothing else. */
  readonly token = secret();
  /** What a browser keeps in its place. */
  readonly #session = secret();
  readonly #names: ReadonlySet<string>;
  readonly #loopbackOnly: boolean;

  constructor({ address, names }: AccessOptions) {
    this.#names = new Set(names.map((name) => name.toLowerCase()));
    this.#loopbackOnly = isLoopback(address);
  }

  /**
   * Whether `Host` is one of ours. A page of a foreign name that was made to lead here (DNS rebinding) still says its own name, so
   * names have to be known; an address cannot be made to lead elsewhere.
   */
  isOurHost({ headers }: IncomingMessage): boolean {
    const host = parseHost(headers.host);
    if (!host) return false;
    if (host.name === 'localhost' || this.#names.has(host.name)) return true;
    if (isIP(host.name) === 0) return false;
    return this.#loopbackOnly ? isLoopback(host.name) : true;
  }

  /** Whether the page that asks is ours. Without `Origin` it is not. To be asked after `isOurHost`. */
  isOurOrigin({ headers }: IncomingMessage): boolean {
    const host = headers.host?.toLowerCase();
    // What stands before it may speak https.
    return headers.origin === `http://${host}` || headers.origin === `https://${host}`;
  }

  /** Whether a foreign page has this loaded; following a link to the page itself is no loading. */
  isLoadedFromElsewhere(request: IncomingMessage): boolean {
    const { headers } = request;
    if (headers.origin !== undefined && !this.isOurOrigin(request)) return true;
    const site = headers['sec-fetch-site'];
    if (site === undefined || site === 'same-origin' || site === 'none') return false;
    return headers['sec-fetch-mode'] !== 'navigate' || headers['sec-fetch-dest'] !== 'document';
  }

  isToken(given: string | null): boolean {
    return given !== null && isSame(given, this.token);
  }

  isSignedIn(request: IncomingMessage): boolean {
    const name = cookieName(request);
    for (const each of (request.headers.cookie ?? '').split(';')) {
      const at = each.indexOf('=');
      if (at > 0 && each.slice(0, at).trim() === name && isSame(each.slice(at + 1).trim(), this.#session)) return true;
    }
    return false;
  }

  /** The cookie that the token is exchanged for: gone with the browser's session, and worth nothing after this server ended. */
  cookie(request: IncomingMessage): string {
    return `${cookieName(request)}=${this.#session}; Path=/; HttpOnly; SameSite=Strict`;
  }
}

/** Cookies know no ports: two servers on one machine would sign each other's browsers out. */
const cookieName = ({ headers }: IncomingMessage): string => `ibot-workbench-${parseHost(headers.host)?.port ?? ''}`;
