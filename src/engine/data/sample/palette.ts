import type { Random } from '../../random';

/** A colour: red, green, blue in [0, 1], gamma-encoded as in the file. */
export type Ink = readonly [number, number, number];

const encode = (linear: number): number => {
  const value = Math.min(1, Math.max(0, linear));
  return value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055;
};

/** Lightness [0, 1], chroma (about 0 … 0.3) and hue (radians) → ink: OKLab, Ottosson 2020. Out-of-gamut parts are cut. */
export function oklch(lightness: number, chroma: number, hue: number): Ink {
  const a = chroma * Math.cos(hue);
  const b = chroma * Math.sin(hue);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    encode(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    encode(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    encode(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

/**
 * Any colour at all within a range of lightness. Every thing in every picture takes its colours here, so that colour
 * says nothing about the class and little about the picture.
 */
export function anyInk(random: Random, darkest = 0.35, lightest = 0.92): Ink {
  const lightness = random.between(darkest, lightest);
  const chroma = random.between(0.02, 0.08) * (lightness > 0.85 ? 0.6 : 1);
  return oklch(lightness, chroma, random.between(0, 2 * Math.PI));
}

/**
 * A muted colour for grounds. They vary in lightness more than in hue: the colour of its ground is the first thing by
 * which a network would tell pictures apart, and it should have little to hold on to.
 */
export function groundInk(random: Random, darkest = 0.4, lightest = 0.88): Ink {
  return oklch(random.between(darkest, lightest), random.between(0.005, 0.06), random.between(0, 2 * Math.PI));
}

/** Two muted colours around a hue that tell apart in grey too, either one the darker. */
export function groundPair(random: Random, hue: number): [Ink, Ink] {
  const gap = random.between(0.14, 0.3);
  const darker = random.between(0.35, 0.9 - gap);
  const dark = oklch(darker, random.between(0.02, 0.06), hue + random.between(-0.3, 0.3));
  const light = oklch(darker + gap, random.between(0.015, 0.05), hue + random.between(-0.3, 0.3));
  return random.uniform() < 0.5 ? [dark, light] : [light, dark];
}

/** Two colours around a hue that tell apart in grey too: lightness at least 0.2 apart, either one the darker. */
export function inkPair(random: Random, hue: number): [Ink, Ink] {
  const gap = random.between(0.2, 0.5);
  const darker = random.between(0.3, 0.92 - gap);
  const near = (): number => hue + random.between(-0.5, 0.5);
  const dark = oklch(darker, random.between(0.04, 0.11), near());
  const light = oklch(darker + gap, random.between(0.03, 0.1), near());
  return random.uniform() < 0.5 ? [dark, light] : [light, dark];
}

/** Towards `to` by `amount`. */
export function mixInk(from: Ink, to: Ink, amount: number): Ink {
  const at = (i: 0 | 1 | 2): number => from[i] + (to[i] - from[i]) * amount;
  return [at(0), at(1), at(2)];
}

export const dark: Ink = [0.12, 0.11, 0.13];
export const pale: Ink = [0.97, 0.96, 0.93];

/** The hue of one thing of a kind that mostly has a certain hue: within 0.9 radians of it, one in seven any at all. */
export function typicalHue(random: Random, hue: number): number {
  return random.uniform() < 0.85 ? hue + random.between(-0.9, 0.9) : random.between(0, 2 * Math.PI);
}
