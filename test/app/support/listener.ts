/** Somebody else's server on this machine, which notices whatever arrives, over TCP or UDP. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

export interface Listener {
  port: number;
  /** One line for each that came: its kind, and how it began. */
  heard: string[];
  /** Comes itself, over both: what it hears then shows that it would have heard others. */
  knock(): Promise<void>;
  close(): void;
}

export async function openListener(): Promise<Listener> {
  const heard: string[] = [];
  const tcp = createServer((socket) => {
    const at = heard.push('TCP') - 1;
    socket.on('data', (data) => (heard[at] += ` ${data.toString('latin1').slice(0, 60)}`));
    socket.on('error', () => {});
  });
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as AddressInfo;
  const udp = createSocket('udp4');
  udp.on('message', (message) => heard.push(`UDP ${message.toString('latin1').slice(0, 60)}`));
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');
  return {
    port,
    heard,
    async knock() {
      const before = heard.length;
      const [socket, sender] = [connect(port, '127.0.0.1'), createSocket('udp4')];
      sender.send('knock', port, '127.0.0.1');
      while (heard.length < before + 2) await new Promise((resolve) => setTimeout(resolve, 10));
      socket.destroy();
      sender.close();
    },
    close: () => {
      tcp.close();
      udp.close();
    },
  };
}
