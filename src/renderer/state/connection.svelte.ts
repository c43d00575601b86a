/** open · lost: it is being made again · signed-out: the server was started anew, and asks for its new token. */
export type ConnectionState = 'open' | 'lost' | 'signed-out';

/** How the window is connected to what serves it. In the desktop's window it always is. */
class Connection {
  #state = $state<ConnectionState>('open');

  get state(): ConnectionState {
    return this.#state;
  }

  set(state: ConnectionState): void {
    this.#state = state;
  }
}

export const connection = new Connection();
