/** When a chart is drawn. */
export interface Redraw {
  /** When `ms` have passed since the last time; the last call is never lost. */
  soon(): void;
  now(): void;
  stop(): void;
}

/** Calls `draw` at most once in `ms`, and in the next frame where somebody waits for it. */
export function atMostEvery(ms: number, draw: () => void): Redraw {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let frame: number | undefined;
  let last = -Infinity;
  const run = () => {
    clearTimeout(timer);
    timer = undefined;
    frame = undefined;
    last = performance.now();
    draw();
  };
  const now = () => {
    frame ??= requestAnimationFrame(run);
  };
  return {
    now,
    soon: () => {
      if (timer !== undefined || frame !== undefined) return;
      timer = setTimeout(now, Math.max(0, last + ms - performance.now()));
    },
    stop: () => {
      clearTimeout(timer);
      if (frame !== undefined) cancelAnimationFrame(frame);
    },
  };
}
