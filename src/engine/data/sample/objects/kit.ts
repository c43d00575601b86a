import type { Random } from '../../../random';
import type { Part } from '../canvas';
import type { Noise } from '../noise';

/** What an object is drawn with. */
export interface Kit {
  random: Random;
  noise: Noise;
  /** Half a pixel and a little, in object units: the width of a texture's edges. */
  soft: number;
}

/** A class of pictures: its folder name, how far things of it lean (radians, either way), and how to draw one. */
export interface SampleClass {
  name: string;
  lean: number;
  /** Parts from back to front, in a frame of about [−1, 1]². */
  draw(kit: Kit): Part[];
}
