import { hostname, networkInterfaces, userInfo } from 'node:os';
import { isIPv6 } from 'node:net';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError, type Command } from 'commander';
import { openLibrary } from '../jobs';
import { openServedWorkbench } from '../serve';
import { listenForInterrupts } from './interrupts';
import { USUAL_LIBRARY_HELP, usualLibrary } from './usual-library';

const USUAL_PORT = 7323;
const OTHER_PORTS = 20;
/** Saving a run may take so long. */
const END_LIMIT_MS = 60_000;

interface ServeFlags {
  library?: string;
  address: string;
  port?: number;
  hostName: string[];
}

/** Beside the built commands. */
const built = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** `ibot serve`: the workbench in a browser, for machines without a display. */
export function registerServe(program: Command): void {
  program
    .command('serve')
    .description('open the workbench in a browser, on this machine or another one')
    .option('--library <folder>', `the library's folder, made where it is not there ${USUAL_LIBRARY_HELP}`)
    .option('--address <address>', 'address of this machine to listen on; 0.0.0.0: all of them', '127.0.0.1')
    .option('--port <port>', `port to listen on, 0: any that is free (default: ${USUAL_PORT}, or the next that is free)`, portNumber)
    .option('--host-name <name>', 'a further name by which browsers know this machine, can be given several times', several, [])
    .addHelpText(
      'after',
      '\nThe address that is printed holds a token, new at each start: whoever has it can use the program, and with it\n' +
        "this machine's pictures. Between machines nothing is encrypted by it: use ssh, as it says when it starts.\n",
    )
    .action(serve);
}

async function serve({ library: folder, address, port, hostName }: ServeFlags): Promise<void> {
  const library = await openLibrary(folder ?? usualLibrary());
  const served = await openServedWorkbench({
    library: library.folder,
    address,
    port: port ?? USUAL_PORT,
    otherPorts: port === undefined ? OTHER_PORTS : 0,
    names: hostName,
    renderer: built('../desktop/renderer'),
    engine: {
      node: process.execPath,
      entry: built('./host.js'),
      parameters: ['--library', library.folder, '--served'],
      environment: process.env,
    },
    log: { write: (where, text) => process.stderr.write(`${new Date().toISOString()} ${where}: ${text.trimEnd()}\n`) },
  });
  console.log(invitation(library.folder, address, served.port, served.token).join('\n'));
  await new Promise<void>((resolve) => {
    listenForInterrupts(() => {
      process.stderr.write('Ending; a run that is going is saved, and goes on with the next start. Ctrl-C again ends at once.\n');
      resolve();
    });
  });
  await served.close(END_LIMIT_MS);
}

/** What to open where. */
function invitation(library: string, address: string, port: number, token: string): string[] {
  const url = (name: string) => `http://${isIPv6(name) ? `[${name}]` : name}:${port}/?token=${token}`;
  const lines = [`The workbench is served, with the library ${library}.`];
  if (address === '0.0.0.0' || address === '::') {
    lines.push('Open one of these addresses in a browser:', '', ...[hostname(), ...ownAddresses(), '127.0.0.1'].map((name) => `    ${url(name)}`));
  } else lines.push('Open this address in a browser:', '', `    ${url(address)}`);
  lines.push('');
  if (address === '127.0.0.1' || address === 'localhost') {
    lines.push(`From another machine, first: ssh -N -L ${port}:127.0.0.1:${port} ${userName()}${hostname()}`);
  } else lines.push('It can be reached from other machines, unencrypted: in a network that you do not trust, use ssh instead of --address.');
  return [...lines, 'Ctrl-C ends it.'];
}

function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address);
}

function userName(): string {
  try {
    return `${userInfo().username}@`;
  } catch {
    return '';
  }
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('Give a number from 0 to 65535.');
  return port;
}

const several = (name: string, before: string[]): string[] => [...before, name];
