/** A way to a server that can be shut, so that connections drop as in a network. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Door {
  /** The same address, through it. */
  address: string;
  shut(): void;
  open(): void;
  close(): Promise<void>;
}

export async function doorTo(address: string): Promise<Door> {
  const target = new URL(address);
  const open = new Set<Socket>();
  let isShut = false;
  const server = createServer((socket) => {
    if (isShut) return void socket.destroy();
    const onwards = connect(Number(target.port), target.hostname);
    for (const [one, other] of [
      [socket, onwards],
      [onwards, socket],
    ] as const) {
      open.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => (open.delete(one), other.destroy()));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  const through = new URL(target);
  through.port = String((server.address() as AddressInfo).port);
  return {
    address: through.href,
    shut: () => {
      isShut = true;
      cut();
    },
    open: () => (isShut = false),
    close: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
