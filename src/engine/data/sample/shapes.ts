/**
 * Shapes as signed distances (negative inside), after the formulas of Quilez, "2D distance functions". Objects are drawn
 * in a frame of about [−1, 1]², x to the right, y down, as in the picture. Ellipses, tapered capsules and smooth unions
 * give near-distances: right at the edge, approximate far from it, which is all that anti-aliasing and shading need.
 */
export interface Shape {
  distance(x: number, y: number): number;
  /** A box that holds the shape: left, top, right, bottom. */
  readonly bounds: readonly [number, number, number, number];
}

export type Point = readonly [number, number];

/** Ellipse around (cx, cy), radii rx and ry, its x axis turned by `turn` radians. */
export function ellipse(cx: number, cy: number, rx: number, ry: number, turn = 0): Shape {
  const cos = Math.cos(turn);
  const sin = Math.sin(turn);
  const width = Math.hypot(rx * cos, ry * sin);
  const height = Math.hypot(rx * sin, ry * cos);
  return {
    bounds: [cx - width, cy - height, cx + width, cy + height],
    distance(x, y) {
      const u = ((x - cx) * cos + (y - cy) * sin) / rx;
      const v = ((y - cy) * cos - (x - cx) * sin) / ry;
      const k = Math.sqrt(u * u + v * v);
      const slope = Math.sqrt((u * u) / (rx * rx) + (v * v) / (ry * ry));
      return slope < 1e-6 ? -Math.min(rx, ry) : (k * (k - 1)) / slope;
    },
  };
}

export const circle = (cx: number, cy: number, radius: number): Shape => ellipse(cx, cy, radius, radius);

/** Box with half sides hx, hy and corners rounded by `round`. */
export function box(cx: number, cy: number, hx: number, hy: number, round = 0): Shape {
  return {
    bounds: [cx - hx, cy - hy, cx + hx, cy + hy],
    distance(x, y) {
      const u = Math.abs(x - cx) - hx + round;
      const v = Math.abs(y - cy) - hy + round;
      const outside = u > 0 && v > 0 ? Math.sqrt(u * u + v * v) : Math.max(u, v);
      return outside - round;
    },
  };
}

/** The line from a to b, `ra` thick (radius) at a and `rb` at b. */
export function capsule(a: Point, b: Point, ra: number, rb = ra): Shape {
  const [ax, ay] = a;
  const dx = b[0] - ax;
  const dy = b[1] - ay;
  const [left, right] = [Math.min(ax - ra, b[0] - rb), Math.max(ax + ra, b[0] + rb)];
  const [top, bottom] = [Math.min(ay - ra, b[1] - rb), Math.max(ay + ra, b[1] + rb)];
  const length2 = dx * dx + dy * dy || 1e-9;
  return {
    bounds: [left, top, right, bottom],
    distance(x, y) {
      const t = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length2));
      const u = x - ax - t * dx;
      const v = y - ay - t * dy;
      return Math.sqrt(u * u + v * v) - ra - t * (rb - ra);
    },
  };
}

/** Closed polygon, corners rounded outwards by `round`. */
export function polygon(points: readonly Point[], round = 0): Shape {
  const xs = points.map((p) => p[0]);
  const ys = points.map((p) => p[1]);
  const flat = Float64Array.from(points.flat());
  const count = points.length;
  return {
    bounds: [Math.min(...xs) - round, Math.min(...ys) - round, Math.max(...xs) + round, Math.max(...ys) + round],
    distance(x, y) {
      let nearest = Infinity;
      let inside = false;
      let bx = flat[2 * count - 2]!;
      let by = flat[2 * count - 1]!;
      for (let i = 0; i < count; i++) {
        const ax = flat[2 * i]!;
        const ay = flat[2 * i + 1]!;
        const ex = bx - ax;
        const ey = by - ay;
        const wx = x - ax;
        const wy = y - ay;
        const t = Math.min(1, Math.max(0, (wx * ex + wy * ey) / (ex * ex + ey * ey)));
        const u = wx - ex * t;
        const v = wy - ey * t;
        nearest = Math.min(nearest, u * u + v * v);
        if (ay > y !== by > y && x < ax + (ex * (y - ay)) / ey) inside = !inside;
        bx = ax;
        by = ay;
      }
      return (inside ? -1 : 1) * Math.sqrt(nearest) - round;
    },
  };
}

/** A ring of radius `radius` around (cx, cy), 2 · `half` wide; only its part above the centre with `upper`. */
export function ring(cx: number, cy: number, radius: number, half: number, upper = false): Shape {
  const reach = radius + half;
  return {
    bounds: [cx - reach, cy - reach, cx + reach, upper ? cy + half : cy + reach],
    distance(x, y) {
      const u = x - cx;
      const v = y - cy;
      if (upper && v > 0) return Math.hypot(Math.abs(u) - radius, v) - half;
      return Math.abs(Math.sqrt(u * u + v * v) - radius) - half;
    },
  };
}

/** Everything in any of the shapes; `smooth` > 0 melts their joints over that length (polynomial minimum). */
export function union(shapes: readonly Shape[], smooth = 0): Shape {
  const bounds = shapes.reduce<[number, number, number, number]>(
    (all, { bounds: b }) => [Math.min(all[0], b[0]), Math.min(all[1], b[1]), Math.max(all[2], b[2]), Math.max(all[3], b[3])],
    [Infinity, Infinity, -Infinity, -Infinity],
  );
  return {
    bounds,
    distance(x, y) {
      let least = Infinity;
      for (const shape of shapes) {
        const d = shape.distance(x, y);
        if (smooth > 0 && least !== Infinity) {
          const h = Math.max(smooth - Math.abs(least - d), 0) / smooth;
          least = Math.min(least, d) - (h * h * smooth) / 4;
        } else {
          least = Math.min(least, d);
        }
      }
      return least;
    },
  };
}

/** `shape` without `hole`. */
export function subtract(shape: Shape, hole: Shape): Shape {
  return { bounds: shape.bounds, distance: (x, y) => Math.max(shape.distance(x, y), -hole.distance(x, y)) };
}

/** Left and right: the shape together with its mirror image in the y axis. */
export function mirrored(shape: Shape): Shape {
  const [left, top, right, bottom] = shape.bounds;
  const reach = Math.max(Math.abs(left), Math.abs(right));
  return {
    bounds: [-reach, top, reach, bottom],
    distance: (x, y) => Math.min(shape.distance(x, y), shape.distance(-x, y)),
  };
}
