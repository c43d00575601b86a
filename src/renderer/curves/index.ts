/**
 * What was measured of runs, as curves that go on while they train: followed at the engine, turned into lines for charts, on axes that are
 * remembered. For every view that shows or compares them.
 */
export { Axes } from './axes';
export { default as AxisTools } from './AxisTools.svelte';
export { epochLine, marksOf, percent, percentTick, plannedLine, scoreChart, stepLine } from './chart-lines';
export type { Epochs, Measured, Steps } from './measured';
export { converted, placesOf } from './places';
export { RunCurves, type Span } from './run-curves.svelte';
export { reached } from './step-curve.svelte';
