import type { Command } from 'commander';
import { makeSample } from '../data/sample';
import { wholeNumber } from './flag-values';
import { interruptible } from './interrupts';
import { counted } from './quantities';
import { bar, commandScreen } from './screen';

/** `ibot sample DIR`: a labelled folder of drawn pictures, for first runs. */
export function registerSample(program: Command): void {
  program
    .command('sample')
    .description('draw a labelled folder of sample pictures, to try everything with')
    .argument('<dir>', 'folder to make; it must not exist yet, or be empty')
    .option('--count <n>', 'pictures in all, dealt out to the classes', wholeNumber(1, 1_000_000), 4000)
    .option('--seed <n>', 'same seed, same pictures', wholeNumber(0, 0xffffffff), 0)
    .option('--size <px>', 'middle of their sides in pixels', wholeNumber(16, 2048), 128)
    .addHelpText('after', '\nExample:\n  ibot sample pictures\n  ibot train pictures --out first-run')
    .action(async (folder: string, options: { count: number; seed: number; size: number }) => {
      const screen = commandScreen(false);
      await interruptible(async (signal) => {
        const onProgress = (done: number, count: number): void =>
          screen.show(`Drawing ${bar(done / count, 24)} ${done} of ${count}`);
        const { classes, ...made } = await makeSample({ folder, ...options, onProgress, signal });
        screen.say(`${counted(made.count, 'picture')} of ${counted(classes.length, 'class', 'classes')} in ${made.folder}`);
      });
    });
}
