/** From runs to the curves of the two charts, and back from a point to the run it belongs to. */
import type { Axis } from '../model/axis';
import { latest } from '../model/memo';
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

/** What the metric chart shows of every run. */
export interface MetricView {
  readonly choice: MetricChoice;
  readonly axis: Axis;
  readonly smoothing: number;
}

/**
 * Above this number of runs curves are drawn thin and translucent, and training only for the run in
 * focus: twice a hundred curves would be a smear.
 */
export const CROWD = 20;

const FADED = 0.3;
/** The values that a smoothed curve stands for, behind it. */
const RAW = 0.25;

type Style = Pick<DrawnCurve, 'dashed' | 'alpha' | 'width' | 'stepped'>;

/** The curve of a run; what it left behind is a faded curve of its own, or is left out. */
function curvesOf(
  { model, color, stitched }: ShownRun,
  axis: Axis,
  ys: Float64Array,
  style: Style,
) {
  const base = { xs: model.xs(axis), ys, color, ...style };
  const kept = model.pieces.filter(({ abandoned }) => !abandoned);
  if (kept.length === model.pieces.length) return [{ ...base, pieces: model.pieces }];
  if (stitched) return [{ ...base, pieces: kept }];
  const left = model.pieces.filter(({ abandoned }) => abandoned);
  return [
    { ...base, pieces: left, alpha: style.alpha * FADED },
    { ...base, pieces: kept },
  ];
}

/** The curve of one metric of a run, with its raw values behind it when it is smoothed. */
function metricOfRun(
  run: ShownRun,
  metric: string,
  { axis, smoothing }: MetricView,
  style: Style,
  raw: boolean,
): DrawnCurve[] {
  const ys = run.model.series(metric);
  const smoothed = run.model.smoothed(metric, smoothing);
  if (ys === null || smoothed === null) return [];
  const behind = raw && smoothing > 0;
  return [
    ...(behind ? curvesOf(run, axis, ys, { ...style, alpha: style.alpha * RAW, width: 1 }) : []),
    ...curvesOf(run, axis, smoothed, style),
  ];
}

/** Both curves of a run: training is the paler partner of validation; without one it is the curve itself. */
function pair(run: ShownRun, view: MetricView, style: Style, raw: boolean, training: boolean) {
  const { train, validation } = view.choice;
  const validated = validation !== null && run.model.series(validation) !== null;
  const curves: DrawnCurve[] = [];
  if (train !== null && (training || !validated)) {
    const paler = { ...style, dashed: true, width: 0.75 * style.width, alpha: 0.7 * style.alpha };
    curves.push(...metricOfRun(run, train, view, validated ? paler : style, raw));
  }
  if (validation !== null) curves.push(...metricOfRun(run, validation, view, style, raw));
  return curves;
}

const metricCurvesOf = latest((run: ShownRun, view: MetricView, crowded: boolean) => {
  const thin = { alpha: 0.5, width: 1 };
  const style = { dashed: false, stepped: false, ...(crowded ? thin : { alpha: 1, width: 1.75 }) };
  return pair(run, view, style, !crowded, !crowded);
});

export function metricCurves(runs: readonly ShownRun[], view: MetricView): DrawnCurve[] {
  return runs.flatMap((run) => metricCurvesOf(run, view, runs.length > CROWD));
}

/** The curves of the run in focus, to be drawn over the others: all there is of it, and wider. */
export function focusCurves(run: ShownRun, view: MetricView): DrawnCurve[] {
  return pair(run, view, { dashed: false, stepped: false, alpha: 1, width: 2.5 }, true, true);
}

function ratesOf(run: ShownRun, axis: Axis, alpha: number, width: number): DrawnCurve[] {
  const ys = learningRates(run.model);
  return ys === null ? [] : curvesOf(run, axis, ys, { dashed: false, stepped: true, alpha, width });
}

const learningRateCurvesOf = latest((run: ShownRun, axis: Axis, crowded: boolean) =>
  ratesOf(run, axis, crowded ? 0.5 : 1, 1.5),
);

export function learningRateCurves(runs: readonly ShownRun[], axis: Axis): DrawnCurve[] {
  return runs.flatMap((run) => learningRateCurvesOf(run, axis, runs.length > CROWD));
}

export function focusRates(run: ShownRun, axis: Axis): DrawnCurve[] {
  return ratesOf(run, axis, 1, 2.5);
}

/** The history row nearest to x, of what is drawn of a run. */
export function nearestRow({ model, stitched }: ShownRun, axis: Axis, x: number): number | null {
  const xs = model.xs(axis);
  let found: number | null = null;
  let nearest = Number.POSITIVE_INFINITY;
  for (const { from, to, abandoned } of model.pieces) {
    if (stitched && abandoned) continue;
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

export interface NearestPoint {
  readonly run: ShownRun;
  readonly row: number;
}

/** The run and row whose value is nearest to a point of the chart; `seriesOf` tells a run's curves. */
export function nearestPoint(
  runs: readonly ShownRun[],
  axis: Axis,
  seriesOf: (model: RunModel) => readonly (Float64Array | null)[],
  point: { x: number; y: number },
  log: boolean,
): NearestPoint | null {
  const height = (value: number) => (log ? Math.log(value) : value);
  let found: NearestPoint | null = null;
  let nearest = Number.POSITIVE_INFINITY;
  for (const run of runs) {
    const row = nearestRow(run, axis, point.x);
    if (row === null) continue;
    for (const series of seriesOf(run.model)) {
      const distance = Math.abs(height(Number(series?.[row])) - height(point.y));
      if (distance < nearest) {
        found = { run, row };
        nearest = distance;
      }
    }
  }
  return found;
}
