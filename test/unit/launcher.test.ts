import { spawn } from 'node:child_process';
import type { Transform } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const scripts = join(import.meta.dirname, '..', '..', 'scripts');
const setUp = pathToFileURL(join(scripts, 'set-up.mjs')).href;
const filter = (await import(pathToFileURL(join(scripts, 'driver-noise.mjs')).href)) as { withoutDriverNoise(): Transform };

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

describe("the filter of the driver's noise", () => {
  const noise = 'Warning: maxDynamicUniformBuffersPerPipelineLayout artificially reduced from 1000000 to 16 to fit.\n';
  const { withoutDriverNoise } = filter;

  it.each([1, 7, 1000])('takes it out, in pieces of %d bytes', async (size) => {
    const text = `one é\n${noise}${noise}Warning: mind\n 10%\r 20%${noise}Warning: maxDyn`;
    const stream = withoutDriverNoise();
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += size) stream.write(bytes.subarray(at, at + size));
    stream.end();
    const chunks = await stream.toArray();
    expect(Buffer.concat(chunks).toString()).toBe('one é\nWarning: mind\n 10%\r 20%Warning: maxDyn');
  });

  it('lets a progress line through without waiting for its end', () => {
    const stream = withoutDriverNoise();
    stream.write(' 10% of what');
    expect(String(stream.read())).toBe(' 10% of what');
  });
});
