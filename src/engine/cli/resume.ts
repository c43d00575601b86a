import type { Command } from 'commander';
import { readRunFolder, resumeTraining } from '../runs';
import { DEVICE_FLAG, DEVICE_HELP, openDevice, sayDevice } from './open-device';
import { carryOut } from './run-session';
import { commandScreen } from './screen';
import { VERSION } from '../version';

/** `ibot resume RUN`: goes on from the newest checkpoint, on the same device bit for bit. */
export function registerResume(program: Command): void {
  program
    .command('resume')
    .description('go on with a run from its newest checkpoint; on the same device with the same bits as if it had never stopped')
    .argument('<run>', "the run's folder")
    .option(DEVICE_FLAG, `${DEVICE_HELP} (default: the one the run began on, if it is there)`)
    .option('--json', 'write one JSON object per line for other programs')
    .action(async (run: string, flags: { device?: string; json?: boolean }) => {
      const screen = commandScreen(flags.json);
      const record = await readRunFolder(run);
      const device = await openDevice(flags.device, record.device);
      if (!flags.json) sayDevice(screen, device);
      await carryOut(screen, flags.json, run, (session) =>
        resumeTraining({ folder: run, gpu: device.gpu, version: VERSION, ...session }),
      );
      device.gpu.close();
    });
}
