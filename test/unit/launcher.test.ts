import { spawn } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const setUp = pathToFileURL(join(import.meta.dirname, '..', '..', 'scripts', 'set-up.mjs')).href;

/** Starts a launcher whose program is `program`, sends `signals` to the launcher alone once the program says "ready". */
async function launch(program: string, signals: NodeJS.Signals[]): Promise<{ output: string; status: number | null }> {
  const launcher = `import { runNode } from ${JSON.stringify(setUp)};
    process.exitCode = await runNode(['--eval', ${JSON.stringify(program)}], process.env);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', launcher], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  let sent = false;
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (!sent && output.includes('ready')) {
      sent = true;
      for (const signal of signals) child.kill(signal);
    }
  });
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { output, status };
}

const counting = `
  const counts = { SIGINT: 0, SIGTERM: 0 };
  for (const signal of Object.keys(counts)) process.on(signal, () => { counts[signal]++; setTimeout(end, 300); });
  let ended = false;
  const end = () => { if (!ended) console.log(JSON.stringify(counts)); ended = true; process.exit(7); };
  setTimeout(end, 60_000);
  console.log('ready');`;

// Where tests run at a terminal, standard error is one, and an interrupt is then left to the terminal's process group.
const withoutTerminal = it.skipIf(process.stderr.isTTY);

describe('the launcher', () => {
  it("hands on the program's exit status", async () => {
    expect((await launch('process.exit(42)', [])).status).toBe(42);
    expect((await launch(`process.kill(process.pid, 'SIGKILL')`, [])).status).toBe(137);
  });

  it('lives until the program has ended in its own way after SIGTERM', async () => {
    const { output, status } = await launch(counting, ['SIGTERM']);
    expect(output).toContain('{"SIGINT":0,"SIGTERM":1}');
    expect(status).toBe(7);
  });

  withoutTerminal('hands on an interrupt once, although npm repeats it', async () => {
    const { output, status } = await launch(counting, ['SIGINT', 'SIGINT']);
    expect(output).toContain('{"SIGINT":1,"SIGTERM":0}');
    expect(status).toBe(7);
  });
});
