import type { ClientMessage } from '../../engine/protocol';

/** Carries messages to whatever serves the contract. */
export interface Transport {
  send(message: ClientMessage): void;
}

export interface TransportHandlers {
  /** Connected, for the first time or again. */
  open(transport: Transport): void;
  /** A message, not yet checked. */
  message(message: unknown): void;
  /** signed-out: it cannot be made again before the user signs in. */
  closed(why: 'lost' | 'signed-out'): void;
}

/** True in the desktop's window, false in a browser. */
export const isDesktop = location.protocol === 'ibot-app:';

export function connect(handlers: TransportHandlers): void {
  if (isDesktop) connectPort(handlers);
  else void connectSocket(handlers);
}

const askAgainMs = 500;

/** The preload script hands over a port when it is asked; it is asked again until it does. */
function connectPort(handlers: TransportHandlers): void {
  const ask = () => window.postMessage('ibot-connect', location.origin);
  const timer = setInterval(ask, askAgainMs);
  window.addEventListener('message', ({ source, data, ports }) => {
    const port = ports[0];
    if (source !== window || data !== 'ibot-port' || !port) return;
    clearInterval(timer);
    port.onmessage = (event) => handlers.message(event.data);
    handlers.open({ send: (message) => port.postMessage(message) });
  });
  ask();
}

const firstWaitMs = 250;
const longestWaitMs = 5000;
/** The server shows a sign of life every 15 s; after so long without one the connection is given up. */
const silenceMs = 45_000;

async function connectSocket(handlers: TransportHandlers): Promise<void> {
  // Bytes are made for sockets alone, so the desktop's window does not load this.
  const { decodeMessage, encodeMessage } = await import('../../engine/protocol/wire');
  const address = new URL('engine', location.href);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  address.hash = '';
  let wait = firstWaitMs;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let current: WebSocket | undefined;
  const attempt = () => {
    clearTimeout(timer);
    timer = undefined;
    const socket = new WebSocket(address);
    current = socket;
    socket.binaryType = 'arraybuffer';
    let opened = false;
    let heardAt = Date.now();
    const watch = setInterval(() => {
      if (Date.now() - heardAt > silenceMs) ended();
    }, 5000);
    // Closing a connection that nobody answers on may take minutes, so its end is not waited for.
    const ended = () => {
      if (current !== socket) return;
      current = undefined;
      clearInterval(watch);
      socket.close();
      handlers.closed('lost');
      if (!opened) void isSignedOut().then((out) => out && current?.readyState !== WebSocket.OPEN && handlers.closed('signed-out'));
      timer = setTimeout(attempt, wait);
      wait = Math.min(wait * 2, longestWaitMs);
    };
    socket.onopen = () => {
      opened = true;
      wait = firstWaitMs;
      handlers.open({
        send: (message) => {
          if (socket.readyState === WebSocket.OPEN) socket.send(encodeMessage(message, 'client') as Uint8Array<ArrayBuffer>);
        },
      });
    };
    socket.onmessage = ({ data }) => {
      heardAt = Date.now();
      if (current === socket && data instanceof ArrayBuffer) handlers.message(decodeMessage(new Uint8Array(data), 'engine'));
    };
    socket.onclose = ended;
  };
  const atOnce = () => {
    if (timer !== undefined) attempt();
  };
  window.addEventListener('online', atOnce);
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && atOnce());
  attempt();
}

/** The server was started anew and knows this browser no more. Undecided while it does not answer at all. */
async function isSignedOut(): Promise<boolean> {
  const status = await fetch('./', { method: 'HEAD', cache: 'no-store' }).then(
    (response) => response.status,
    () => 0,
  );
  return status === 401;
}
