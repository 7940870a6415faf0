/** From data to the limits of a scale: pure, never empty, never upside down. */
import type { Piece } from '../model/branches';
import { visibleRows } from './lines';

export type Range = readonly [number, number];

/** One drawable curve: rows of `xs` and `ys`, cut where x does not increase. */
export interface Curve {
  readonly xs: Float64Array;
  readonly ys: Float64Array;
  readonly pieces: readonly Piece[];
}

/** More values than this tell nothing new about where most of them are. */
const SAMPLE = 8_000;

/** Calls `visit` with every value inside of `x` that a scale can show. */
function eachInView(
  curves: readonly Curve[],
  [min, max]: Range,
  log: boolean,
  visit: (value: number) => void,
): void {
  for (const { xs, ys, pieces } of curves) {
    for (const piece of pieces) {
      const [from, to] = visibleRows(xs, piece.from, piece.to, min, max);
      for (let i = from; i < to; i++) {
        const x = Number(xs[i]);
        const y = Number(ys[i]);
        if (x >= min && x <= max && Number.isFinite(y) && (!log || y > 0)) visit(y);
      }
    }
  }
}

/** How many rows a view needs. */
function countRows(curves: readonly Curve[], [min, max]: Range): number {
  let count = 0;
  for (const { xs, pieces } of curves) {
    for (const piece of pieces) {
      const [from, to] = visibleRows(xs, piece.from, piece.to, min, max);
      count += Math.max(0, to - from);
    }
  }
  return count;
}

/**
 * What lies further from the middle nine tenths than these are wide is an outlier.
 *
 * Time Series leaves out a tenth of all values, outliers or not; this keeps a curve whole unless a few
 * values would flatten the rest.
 */
function withoutOutliers([min, max]: Range, values: readonly number[], log: boolean): Range {
  const scaled = Float64Array.from(values, log ? Math.log : Number).sort();
  const low = Number(scaled[Math.round(0.05 * (scaled.length - 1))]);
  const high = Number(scaled[Math.round(0.95 * (scaled.length - 1))]);
  const width = high - low;
  if (width === 0) return [min, max];
  const back = log ? Math.exp : Number;
  return [Math.max(min, back(low - width)), Math.min(max, back(high + width))];
}

/** The lowest and the highest value of the curves inside of `x`, or null when there is none. */
export function extentOf(
  curves: readonly Curve[],
  x: Range,
  log: boolean,
  ignoreOutliers: boolean,
): Range | null {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let count = 0;
  const every = Math.ceil(countRows(curves, x) / SAMPLE);
  const sample: number[] = [];
  eachInView(curves, x, log, (value) => {
    if (value < min) min = value;
    if (value > max) max = value;
    if (count++ % every === 0) sample.push(value);
  });
  if (count === 0) return null;
  if (!ignoreOutliers || count < 3) return [min, max];
  return withoutOutliers([min, max], sample, log);
}

/** Limits that hold an extent and further values, with a margin for the markers. */
export function yRange(extent: Range | null, more: readonly number[], log: boolean): Range {
  let [min, max] = extent ?? [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of more) {
    if (!Number.isFinite(value) || (log && value <= 0)) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  if (min > max) return log ? [0.1, 1] : [0, 1];
  return log ? padLog(min, max) : padLinear(min, max);
}

function padLinear(min: number, max: number): Range {
  const size = max - min || Math.abs(max) || 1;
  return [min - size * 0.1, max + size * 0.1];
}

function padLog(min: number, max: number): Range {
  const factor = Math.max(1.15, (max / min) ** 0.08);
  return [min / factor, max * factor];
}

/** Limits of x that hold all extents, with a little air so that the outermost mark is whole. */
export function xRange(extents: readonly Range[]): Range {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const [from, to] of extents) {
    min = Math.min(min, from);
    max = Math.max(max, to);
  }
  if (!(min <= max)) return [0, 1];
  const air = (max - min) * 0.012 || 0.5;
  return [min - air, max + air];
}
