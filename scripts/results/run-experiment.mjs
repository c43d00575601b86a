/** Brings one experiment to its end, from wherever it stands. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { firstLine, run, script } from './commands.mjs';
import { inRoot, placesOf } from './experiments.mjs';
import { progressPrinter } from './progress.mjs';

/** Seconds between notes of a session that is under way: what a killed one may lose of its time. */
const NOTE_SECONDS = 30;

/** @returns 'finished', 'stopped' (by a signal: to be gone on with) or 'failed' */
export async function runExperiment(experiment, { hours, device, stop }) {
  const places = placesOf(experiment);
  const say = (line) => process.stderr.write(`${experiment.name}: ${line}\n`);
  mkdirSync(inRoot(places.folder), { recursive: true });
  const notes = readNotes(places) ?? { name: experiment.name, hours, preparation: null, reasons: [], sessions: [] };

  const state = stateOf(places);
  if (state === 'finished') {
    say(`finished already (${notes.hours} h); to train anew, remove ${places.folder}`);
    return 'finished';
  }
  if (state !== undefined && notes.hours !== hours) say(`goes on with the ${notes.hours} hours that it began with`);

  const preparation = experiment.pictures(places.pictures);
  if (!existsSync(inRoot(places.pictures))) {
    say(preparation.shown);
    const status = await run(preparation, stop);
    if (stop.asked) return 'stopped';
    if (status !== 0) return failed(say, preparation, status);
  }
  notes.preparation = preparation.shown;

  if (state === undefined) {
    // A folder without run.json is what a process left that was killed before the run began.
    rmSync(inRoot(places.run), { recursive: true, force: true });
    Object.assign(notes, { hours, reasons: [], sessions: [] });
  }
  const chosen = device === undefined ? [] : ['--device', device];
  const command =
    state === undefined
      ? script('scripts/ibot.mjs', ['train', places.pictures, '--out', places.run, '--hours', String(hours), '--json', ...chosen])
      : script('scripts/ibot.mjs', ['resume', places.run, '--json', ...chosen]);
  say(command.shown);
  return carryOut(command, { places, notes, say, stop });
}

async function carryOut(command, { places, notes, say, stop }) {
  const commit = (await firstLine('git', ['rev-parse', 'HEAD'])) ?? null;
  const changed = await firstLine('git', ['status', '--porcelain', '--', 'src', 'scripts', 'package-lock.json']);
  if (stop.asked) return 'stopped';
  const session = { command: command.shown, commit, changed: changed === undefined ? null : changed !== '', started: seconds() };
  notes.sessions.push(session);
  const note = () => {
    session.ended = seconds();
    writeNotes(places, notes);
  };
  note();
  const print = progressPrinter(say);
  const status = await run(command, stop, (line) => {
    const event = parse(line);
    if (!event) return say(line);
    if (event.event === 'recipe') notes.reasons = event.reasons;
    if (seconds() - session.ended > NOTE_SECONDS) note();
    print(event);
  });
  session.status = status;
  note();
  if (stateOf(places) === 'finished') return 'finished';
  return stop.asked ? 'stopped' : failed(say, command, status);
}

function failed(say, command, status) {
  say(`failed (status ${status}): ${command.shown}`);
  return 'failed';
}

/** What run.json says; undefined where there is no run yet. */
function stateOf({ run: folder }) {
  return readJson(`${folder}/run.json`)?.state;
}

const readNotes = ({ notes }) => readJson(notes);

function writeNotes({ notes: path }, notes) {
  const unfinished = inRoot(`${path}.partial`);
  writeFileSync(unfinished, `${JSON.stringify(notes, null, 2)}\n`);
  renameSync(unfinished, inRoot(path));
}

function readJson(path) {
  return existsSync(inRoot(path)) ? JSON.parse(readFileSync(inRoot(path), 'utf8')) : undefined;
}

function parse(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

const seconds = () => Math.round(Date.now() / 1000);
