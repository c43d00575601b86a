import type { Random } from '../../../random';
import type { Part } from '../canvas';
import type { Noise } from '../noise';
import type { Surroundings } from '../surroundings';

/** What an object is drawn with. */
export interface Kit {
  random: Random;
  noise: Noise;
  /** Half a pixel and a little, in object units: the width of a texture's edges. */
  soft: number;
  /** Around which hue (OKLCH, radians) the thing's own colours lie; lesser parts take any. */
  hue: number;
}

/**
 * A class of pictures: its folder name, how far things of it lean (radians, either way), where they are usually
 * met, and how to draw one.
 */
export interface SampleClass {
  name: string;
  lean: number;
  /** The hue that things of it often have, and the place where they are usually met with its own: radians, OKLCH. */
  hue: number;
  home: { ground: Surroundings; hue: number };
  /** Parts from back to front, in a frame of about [−1, 1]². */
  draw(kit: Kit): Part[];
}
