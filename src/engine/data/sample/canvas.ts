import type { Shape } from './shapes';
import type { Surface } from './textures';

/** A picture in the making: RGB in [0, 1], gamma-encoded, row after row. */
export class Canvas {
  readonly rgb: Float32Array;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.rgb = new Float32Array(width * height * 3);
  }
}

/** One piece of an object: a shape, what covers it, and how deep its rounded edge is (object units; 0: flat as paper). */
export interface Part {
  shape: Shape;
  surface: Surface;
  bevel: number;
}

/** How an object's frame lies in the picture: centre in pixels, pixels per object unit, turn in radians, mirrored or not. */
export interface Placement {
  x: number;
  y: number;
  scale: number;
  turn: number;
  mirror: boolean;
}

/** Where the light comes from (a unit vector in the picture) and how strongly edges take it, and how dark outlines are. */
export interface Light {
  x: number;
  y: number;
  strength: number;
  outline: number;
}

/** An object drawn apart from its background: premultiplied RGB and coverage, so that it can throw a shadow. */
export class Layer {
  readonly rgba: Float32Array;
  private distances = new Float32Array(0);
  private readonly ink = new Float32Array(3);

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.rgba = new Float32Array(width * height * 4);
  }

  clear(): void {
    this.rgba.fill(0);
  }

  /** Draws one part over what the layer holds. Edges are anti-aliased over one pixel; the rounded edge is lit from its slope. */
  paint(part: Part, place: Placement, light: Light): void {
    const { scale } = place;
    const cos = Math.cos(place.turn);
    const sin = Math.sin(place.turn);
    const flip = place.mirror ? -1 : 1;
    const [left, top, right, bottom] = this.box(part.shape.bounds, place, cos, sin, flip);
    if (left >= right || top >= bottom) return;
    const columns = right - left + 1;
    const rows = bottom - top + 1;
    if (this.distances.length < columns * rows) this.distances = new Float32Array(columns * rows);
    const distances = this.distances;

    for (let row = 0; row < rows; row++) {
      const dy = (top + row + 0.5 - place.y) / scale;
      for (let column = 0; column < columns; column++) {
        const dx = (left + column + 0.5 - place.x) / scale;
        distances[row * columns + column] = scale * part.shape.distance(flip * (dx * cos + dy * sin), dy * cos - dx * sin);
      }
    }

    const depth = part.bevel * scale;
    const { ink, rgba } = this;
    for (let row = 0; row < rows - 1; row++) {
      const dy = (top + row + 0.5 - place.y) / scale;
      for (let column = 0; column < columns - 1; column++) {
        const at = row * columns + column;
        const distance = distances[at]!;
        if (distance >= 0.5) continue;
        const cover = Math.min(1, 0.5 - distance);
        const dx = (left + column + 0.5 - place.x) / scale;
        part.surface(flip * (dx * cos + dy * sin), dy * cos - dx * sin, ink);
        let shade = 1;
        if (depth > 0) {
          const tilt = Math.min(1, Math.max(0, 1 + distance / depth));
          const slope = (distances[at + 1]! - distance) * light.x + (distances[at + columns]! - distance) * light.y;
          shade += light.strength * tilt * slope;
        }
        if (distance > -1.2) shade *= 1 - light.outline * Math.min(1, 1.2 + distance);
        const pixel = ((top + row) * this.width + left + column) * 4;
        const keep = 1 - cover;
        for (let i = 0; i < 3; i++) rgba[pixel + i] = rgba[pixel + i]! * keep + ink[i]! * shade * cover;
        rgba[pixel + 3] = rgba[pixel + 3]! * keep + cover;
      }
    }
  }

  /** Puts the layer on the canvas, its shadow first: dropped by (dx, dy) pixels, blurred over `blur`, `depth` dark. */
  flattenTo(canvas: Canvas, shadow?: { dx: number; dy: number; blur: number; depth: number }): void {
    if (shadow) this.castShadow(canvas, shadow);
    const { rgb } = canvas;
    for (let pixel = 0, from = 0, to = 0; pixel < this.width * this.height; pixel++, from += 4, to += 3) {
      const cover = this.rgba[from + 3]!;
      if (cover === 0) continue;
      for (let i = 0; i < 3; i++) rgb[to + i] = rgb[to + i]! * (1 - cover) + this.rgba[from + i]!;
    }
  }

  private castShadow(canvas: Canvas, shadow: { dx: number; dy: number; blur: number; depth: number }): void {
    const { width, height } = this;
    const reach = Math.max(1, Math.round(shadow.blur));
    const dx = Math.round(shadow.dx);
    const dy = Math.round(shadow.dy);
    const across = new Float32Array(width * height);
    for (let y = 0; y < height; y++) {
      let sum = 0;
      for (let x = -reach; x < width; x++) {
        if (x + reach < width) sum += this.rgba[(y * width + x + reach) * 4 + 3]!;
        if (x - reach - 1 >= 0) sum -= this.rgba[(y * width + x - reach - 1) * 4 + 3]!;
        if (x >= 0) across[y * width + x] = sum / (2 * reach + 1);
      }
    }
    const sums = new Float32Array(width);
    for (let y = -reach; y < height; y++) {
      const target = y + dy;
      for (let x = 0; x < width; x++) {
        if (y + reach < height) sums[x] = sums[x]! + across[(y + reach) * width + x]!;
        if (y - reach - 1 >= 0) sums[x] = sums[x]! - across[(y - reach - 1) * width + x]!;
        if (y < 0 || target < 0 || target >= height || x + dx < 0 || x + dx >= width) continue;
        const keep = 1 - (shadow.depth * sums[x]!) / (2 * reach + 1);
        const pixel = (target * width + x + dx) * 3;
        for (let i = 0; i < 3; i++) canvas.rgb[pixel + i] = canvas.rgb[pixel + i]! * keep;
      }
    }
  }

  /** The pixels that a turned box can touch, a pixel more on each side, cut at the layer's edge. */
  private box(
    bounds: Shape['bounds'],
    place: Placement,
    cos: number,
    sin: number,
    flip: number,
  ): readonly [number, number, number, number] {
    const xs: number[] = [];
    const ys: number[] = [];
    for (const x of [bounds[0] * flip, bounds[2] * flip]) {
      for (const y of [bounds[1], bounds[3]]) {
        xs.push(place.x + place.scale * (x * cos - y * sin));
        ys.push(place.y + place.scale * (x * sin + y * cos));
      }
    }
    return [
      Math.max(0, Math.floor(Math.min(...xs)) - 1),
      Math.max(0, Math.floor(Math.min(...ys)) - 1),
      Math.min(this.width, Math.ceil(Math.max(...xs)) + 1),
      Math.min(this.height, Math.ceil(Math.max(...ys)) + 1),
    ];
  }
}
