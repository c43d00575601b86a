/** What is trained for docs/results.md. A new experiment is one entry here. */
import { join } from 'node:path';
import { root } from '../set-up.mjs';
import { script } from './commands.mjs';

/**
 * Pictures, run and notes of an experiment, below the root; git ignores the folder. The commands use these very paths, so that
 * they can be repeated word by word.
 */
export const placesOf = ({ name }) => ({
  folder: `.cache/results/${name}`,
  pictures: `.cache/results/${name}/pictures`,
  run: `.cache/results/${name}/run`,
  notes: `.cache/results/${name}/experiment.json`,
  /** What is kept in the repository. */
  kept: `docs/results/${name}`,
});

export const inRoot = (path) => join(root, path);

/** `pictures(folder)`: the command that makes the pictures, in a folder that is complete or absent. */
export const experiments = [
  {
    name: 'sample',
    title: 'Sample pictures',
    about:
      'Pictures drawn by the program itself (`ibot sample`): things of 16 classes that vary in place, number, size, turn, ' +
      'colour and light, mostly where such things are met (fish in waves, a basket on checked cloth), one in eight ' +
      'elsewhere; made so that neither raw pixels nor an untrained network do well.',
    pictures: (folder) => script('scripts/ibot.mjs', ['sample', folder, '--seed', '0']),
  },
  {
    name: 'emoji',
    title: 'Emoji',
    about:
      'Pictures that others drew: the 64-pixel emoji of the npm package emoji-datasource-google 16.0.0 (package: MIT; the ' +
      'pictures are Google\'s Noto Emoji, Apache-2.0) in the nine categories of its list. Variants of skin tone are left out, ' +
      'since near-twins on both sides of the split would make any k-NN look good.',
    pictures: (folder) => script('scripts/results/emoji.mjs', [folder]),
  },
];
