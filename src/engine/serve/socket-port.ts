import type { WebSocket } from 'ws';
import { ProtocolError, type EngineMessage } from '../protocol';
import { decodeMessage, encodeMessage, WIRE_LIMITS } from '../protocol/wire';
import type { WindowPort } from '../supervise';

/** Bytes on their way to a browser above which nothing more is read from it until they are fewer: who asks has to listen. */
const MOST_WAITING = 8 * 2 ** 20;
/** Bytes above which it is given up; it comes back and gets the present values. What is told without being asked adds up here. */
const FAR_TOO_MANY = 3 * WIRE_LIMITS.engine;
/** Messages that cannot be read, until it is no window of ours. */
const MOST_BAD_MESSAGES = 20;
const LOOK_EVERY_MS = 15_000;
/** A text is no message: it only shows a page that the connection is alive, since it hears no pings. */
const SIGN_OF_LIFE = 'alive';

/** A browser's socket as the port of a window. `report` hears one line about what is wrong. */
export function socketPort(socket: WebSocket, report: (line: string) => void, lookEvery = LOOK_EVERY_MS): WindowPort {
  let bad = 0;
  let answered = true;
  let waitingBefore = 0;
  const timer = setInterval(() => {
    // While it is not read, its answers are not either; then taking something counts.
    const alive = answered || (socket.isPaused && socket.bufferedAmount < waitingBefore);
    if (!alive) return socket.terminate();
    answered = false;
    waitingBefore = socket.bufferedAmount;
    socket.ping();
    if (!socket.isPaused) socket.send(SIGN_OF_LIFE);
  }, lookEvery);
  socket.on('pong', () => (answered = true));
  socket.on('close', () => clearInterval(timer));
  socket.on('error', (error) => report(`a browser's connection failed: ${error.message}`));

  const sent = (): void => {
    if (socket.isPaused && socket.bufferedAmount < MOST_WAITING / 2) socket.resume();
  };
  const send = (message: EngineMessage): void => {
    if (socket.readyState !== socket.OPEN) return;
    let bytes: Uint8Array;
    try {
      bytes = encodeMessage(message, 'engine');
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      report(error.message);
      if (message.kind === 'result') send({ kind: 'error', id: message.id, error: error.toErrorValue() });
      return;
    }
    socket.send(bytes, sent);
    if (socket.bufferedAmount > FAR_TOO_MANY) {
      report('a browser takes too slowly what it is told, and has to connect again');
      socket.terminate();
    } else if (socket.bufferedAmount > MOST_WAITING && !socket.isPaused) socket.pause();
  };

  return {
    send,
    onMessage: (handler) => {
      socket.on('message', (data, isBinary) => {
        if (!isBinary) return socket.close(1003, 'messages are binary');
        try {
          handler(decodeMessage(data as Buffer, 'client'));
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          report(error.message);
          if (error.id !== undefined) send({ kind: 'error', id: error.id, error: error.toErrorValue() });
          if (++bad >= MOST_BAD_MESSAGES) socket.close(1008, 'too much that is no message');
        }
      });
    },
    onClose: (handler) => socket.on('close', handler),
  };
}
