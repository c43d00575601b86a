/**
 * The classes of the sample pictures. Each is known by the shapes of its parts and by one family of texture; size,
 * proportions, texture scale and every colour are drawn anew for each thing.
 */
import { brickHouse, sailBoat } from './built';
import { basket, kite, lantern, vase } from './crafts';
import type { SampleClass } from './kit';
import { cactus, pineapple, pineTree, sunflower } from './plants';
import { snail, starfish, stripedFish } from './sea';
import { butterfly, ladybird, owl } from './winged';

export type { Kit, SampleClass } from './kit';

/** In the order in which pictures are dealt out. A picture depends on its class's place here: add at the end only. */
export const sampleClasses: readonly SampleClass[] = [
  ladybird,
  stripedFish,
  basket,
  brickHouse,
  sunflower,
  pineTree,
  butterfly,
  snail,
  cactus,
  sailBoat,
  owl,
  kite,
  vase,
  pineapple,
  lantern,
  starfish,
];
