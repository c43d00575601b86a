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
  closed(): void;
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

async function connectSocket(handlers: TransportHandlers): Promise<void> {
  // Bytes are made for sockets alone, so the desktop's window does not load this.
  const { decodeMessage, encodeMessage } = await import('../../engine/protocol/wire');
  const address = new URL('engine', location.href);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  let wait = firstWaitMs;
  const attempt = () => {
    const socket = new WebSocket(address);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      wait = firstWaitMs;
      handlers.open({ send: (message) => socket.send(encodeMessage(message, 'client') as Uint8Array<ArrayBuffer>) });
    };
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) handlers.message(decodeMessage(new Uint8Array(data), 'engine'));
    };
    socket.onclose = () => {
      handlers.closed();
      setTimeout(attempt, wait);
      wait = Math.min(wait * 2, longestWaitMs);
    };
  };
  attempt();
}
