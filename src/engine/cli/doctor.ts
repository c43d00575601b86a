import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { UserError } from '../errors';
import { findCases, runReference, type CaseCheck, type Check } from '../reference';
import { DEVICE_FLAG, DEVICE_HELP, openDevice, sayDevice } from './open-device';
import { figure } from './quantities';
import { commandScreen } from './screen';

interface DoctorFlags {
  reference?: string;
  device?: string;
  json?: boolean;
}

/** What `doctor --json` prints. */
export interface DoctorReport {
  device: string;
  /** Every check passed, and everything that the folder asks for is built: the exit status says the same. */
  passed: boolean;
  cases: CaseCheck[];
}

/** `ibot doctor`: whether this device and its driver compute what the original implementation computed. */
export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check that the graphics device computes correctly, against numbers of the original implementation')
    .option('--reference <dir>', 'folder of reference cases (default: the small set that comes with the program)')
    .option(DEVICE_FLAG, DEVICE_HELP)
    .option('--json', 'write one JSON object for other programs')
    .addHelpText('after', '\nThe exit status is 0 if every check passed.')
    .action(run);
}

async function run(flags: DoctorFlags): Promise<void> {
  const screen = commandScreen(flags.json);
  const folder = flags.reference ?? ownReference();
  await findCases(folder); // a wrong folder is told before a device is opened
  const device = await openDevice(flags.device);
  if (!flags.json) sayDevice(screen, device);
  const result = await runReference(device.gpu, folder, (name, checks) => {
    if (!flags.json) for (const line of describeCase(name, checks)) screen.say(line);
  });
  device.gpu.close();
  const unsupported = result.cases.filter((check) => check.unsupported).length;
  const report: DoctorReport = {
    device: device.adapter.name,
    passed: result.passed && unsupported === 0,
    cases: result.cases,
  };
  if (flags.json) console.log(JSON.stringify(report));
  else {
    const supported = result.cases.filter((check) => !check.unsupported);
    const failed = supported.filter((check) => !check.passed).length;
    const rest = unsupported > 0 ? `, ${unsupported} not built yet` : '';
    screen.say(`${supported.length - failed} checks passed, ${failed} failed${rest}.`);
    if (failed > 0) {
      screen.say('This device or its driver does not compute correctly: update the driver, or choose another --device.');
    }
  }
  if (!report.passed) process.exitCode = 1;
}

/** Failed checks of a case that are listed one by one. */
const MOST_LINES = 10;

/** `resources/reference`, beside the built program or in the repository. */
function ownReference(): string {
  const places = ['../resources/reference', '../../resources/reference', '../../../resources/reference'];
  const found = places.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((place) => existsSync(place));
  if (!found) throw new UserError('The reference cases that come with the program are missing: give a folder with --reference.');
  return found;
}

/** One line for a case, one more for each check that failed or is not built. */
function describeCase(name: string, checks: readonly Check[]): string[] {
  const supported = checks.filter((check) => !check.unsupported);
  const missing = checks.filter((check) => check.unsupported).map(({ check }) => check);
  if (supported.length === 0) return [`not built yet  ${name}`];
  const failed = supported.filter((check) => !check.passed);
  const closest = Math.max(...supported.map(({ worst, limit }) => (worst === null || !limit ? 0 : worst / limit)));
  const margin = failed.length === 0 && closest > 0 ? `, at most ${figure(closest * 100)} % of the limit` : '';
  const count = `${supported.length} check${supported.length === 1 ? '' : 's'}`;
  const what = failed.length > 0 ? `${failed.length} of ${count} failed` : `${count}${margin}`;
  return [
    `${failed.length > 0 ? 'FAILED       ' : 'passed       '}  ${name}: ${what}`,
    ...failed.slice(0, MOST_LINES).map(({ check, worst, limit }) =>
      worst === null || limit === null ? `    ${check}` : `    ${check}: off by ${figure(worst)}, limit ${figure(limit)}`,
    ),
    ...(failed.length > MOST_LINES ? [`    … and ${failed.length - MOST_LINES} more`] : []),
    ...missing.map((check) => `    ${check}`),
  ];
}
