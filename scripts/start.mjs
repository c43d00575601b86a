#!/usr/bin/env node
/** `npm start`: sets up what is missing, builds, and opens the window; where there is no display, says so and serves instead. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { electronCommand } from './electron.mjs';
import { root, runNode, runScript, setUp, windowVariables } from './set-up.mjs';

await runScript(async () => {
  if (!hasDisplay()) return serve();
  await setUp(['driver', 'engine', 'desktop']);
  const electron = await electronCommand();
  return runElectron(electron, { ...process.env, ...electron.environment, ...(await windowVariables()) });
});

/** A display that a window can open on. */
function hasDisplay() {
  return process.platform !== 'linux' || Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);
}

/** The same program in a browser, from this machine or another one. */
async function serve() {
  process.stderr.write('There is no display here (DISPLAY and WAYLAND_DISPLAY are not set), so no window can open.\n');
  const environment = await setUp(['driver', 'engine', 'desktop']);
  return runNode(['--enable-source-maps', join(root, 'out', 'engine', 'main.js'), 'serve', ...process.argv.slice(2)], environment);
}

/** Runs the window to its end; Ctrl-C at a terminal reaches it through the process group, other signals are handed on. */
function runElectron({ executable, parameters }, environment) {
  const child = spawn(executable, [...parameters, ...process.argv.slice(2)], { cwd: root, env: environment, stdio: 'inherit' });
  const handOn = (signal) => child.kill(signal);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, handOn);
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  process.on('SIGINT', (signal) => atTerminal || handOn(signal));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve(signal ? 1 : status));
  });
}
