/**
 * Curves over steps, epochs or time, for every view that compares numbers: lines with bands, levels and moments, zoom and pointer shared
 * by all charts of a `ChartGroup`. Nothing here knows the engine.
 */
export { default as Chart } from './Chart.svelte';
export { append, halved, type Buckets, type NewSteps, type Places, type Spread } from './buckets';
export { ChartGroup } from './group.svelte';
export { firstAtLeast, lastFinite, nearest, type Line, type Mark, type Numbers, type Range, type Reference } from './lines';
export { smooth } from './smoothing';
export { place, tick, value, type XUnit } from './words';
export type { YOptions } from './y-range';
