/** From runs to the curves of the two charts, and back from a point to the run it belongs to. */
import type { Axis } from '../model/axis';
import { learningRates, type MetricChoice } from '../model/metrics';
import type { RunModel } from '../model/run';
import { lowerBound } from './lines';
import type { ShownRun } from './marks';
import type { Curve } from './ranges';

/** What is drawn of a run: a solid line for validation, a dashed one for training. */
export interface DrawnCurve extends Curve {
  readonly color: string;
  readonly dashed: boolean;
  readonly alpha: number;
  readonly width: number;
  /** A value holds for the whole epoch that ends at its point. */
  readonly stepped: boolean;
}

/**
 * Above this number of runs curves are drawn thin and translucent, and training only for the run in
 * focus: twice a hundred curves would be a smear.
 */
const CROWD = 20;

export function metricCurves(
  runs: readonly ShownRun[],
  { train, validation }: MetricChoice,
  axis: Axis,
  focused: string | null,
): DrawnCurve[] {
  const crowded = runs.length > CROWD;
  return runs.flatMap(({ model, color }) => {
    const focus = model.name === focused;
    const crowd = crowded && !focus;
    const base = { xs: model.xs(axis), pieces: model.pieces, color, stepped: false };
    const line = (metric: string | null, dashed: boolean): DrawnCurve[] => {
      const ys = metric === null ? null : model.series(metric);
      if (ys === null) return [];
      const width = dashed ? 1.25 : focus ? 2.25 : crowd ? 1 : 1.75;
      return [{ ...base, ys, dashed, width, alpha: (crowd ? 0.6 : 1) * (dashed ? 0.7 : 1) }];
    };
    const both = model.series(validation ?? '') !== null;
    // Training is the paler partner of validation; without one it is the curve itself.
    return [...(both && crowd ? [] : line(train, both)), ...line(validation, false)];
  });
}

export function learningRateCurves(runs: readonly ShownRun[], axis: Axis): DrawnCurve[] {
  return runs.flatMap(({ model, color }) => {
    const ys = learningRates(model);
    if (ys === null) return [];
    const base = { xs: model.xs(axis), pieces: model.pieces, color };
    return [{ ...base, ys, dashed: false, width: 1.5, alpha: 1, stepped: true }];
  });
}

/** Every x that must be in view when nothing is zoomed. */
export function* allX(runs: readonly ShownRun[], axis: Axis): Generator<number> {
  for (const { model } of runs) {
    const xs = model.xs(axis);
    for (const { from, to } of model.pieces) {
      yield Number(xs[from]);
      yield Number(xs[to - 1]);
    }
    for (const row of model.checkpoints) yield model.x(row, axis);
    for (const decision of model.decisions) if (decision.acted) yield model.x(decision, axis);
  }
}

/** The history row nearest to x. */
export function nearestRow(model: RunModel, axis: Axis, x: number): number | null {
  const xs = model.xs(axis);
  let found: number | null = null;
  let nearest = Number.POSITIVE_INFINITY;
  for (const { from, to } of model.pieces) {
    const at = lowerBound(xs, from, to, x);
    for (const i of [at - 1, at]) {
      const distance = Math.abs(Number(xs[i]) - x);
      if (i >= from && i < to && distance <= nearest) {
        found = i;
        nearest = distance;
      }
    }
  }
  return found;
}

/** The run and row whose value is nearest to a point of the chart. */
export function nearestPoint(
  runs: readonly ShownRun[],
  axis: Axis,
  metrics: readonly string[],
  point: { x: number; y: number },
  log: boolean,
): { run: ShownRun; row: number } | null {
  const height = (value: number) => (log ? Math.log(value) : value);
  let found: { run: ShownRun; row: number } | null = null;
  let nearest = Number.POSITIVE_INFINITY;
  for (const run of runs) {
    const row = nearestRow(run.model, axis, point.x);
    if (row === null) continue;
    for (const metric of metrics) {
      const value = run.model.series(metric)?.[row] ?? Number.NaN;
      const distance = Math.abs(height(value) - height(point.y));
      if (distance < nearest) {
        found = { run, row };
        nearest = distance;
      }
    }
  }
  return found;
}
