import { resolve } from 'node:path';
import type { Command } from 'commander';
import { modelTitle } from '../ibot';
import { readRunFolder, resumeTraining } from '../runs';
import { DEVICE_FLAG, DEVICE_HELP, openDevice, sayDevice } from './open-device';
import { carryOut, PANELS_HELP } from './run-session';
import { commandScreen } from './screen';
import { inTurn } from './turn';
import { VERSION } from '../version';

/** `ibot resume RUN`: goes on from the newest checkpoint, on the same device bit for bit. */
export function registerResume(program: Command): void {
  program
    .command('resume')
    .description('go on with a run from its newest checkpoint; on the same device with the same bits as if it had never stopped')
    .argument('<run>', "the run's folder")
    .option(DEVICE_FLAG, `${DEVICE_HELP} (default: the one the run began on, if it is there)`)
    .option('--panels', PANELS_HELP)
    .option('--json', 'write one JSON object per line for other programs')
    .action(async (run: string, flags: { device?: string; json?: boolean; panels?: boolean }) => {
      const screen = commandScreen(flags.json);
      const record = await readRunFolder(run);
      const detail = `${modelTitle(record.recipe)}, goes on from step ${record.step}`;
      await inTurn(screen, { folder: resolve(run), detail, json: flags.json }, async (turn) => {
        const device = await openDevice(flags.device, record.device);
        if (!flags.json) sayDevice(screen, device);
        await carryOut(screen, flags.json, run, turn, (session) =>
          resumeTraining({ folder: run, gpu: device.gpu, version: VERSION, panels: flags.panels ?? false, ...session }),
        );
        device.gpu.close();
      });
    });
}
