/** From data to the limits of a scale: pure, never empty, never upside down. */
import type { Piece } from '../model/branches';
import { latest } from '../model/memo';
import { visibleRows } from './lines';

export type Range = readonly [number, number];

/** One drawable curve: rows of `xs` and `ys`, cut where x does not increase. */
export interface Curve {
  readonly xs: Float64Array;
  readonly ys: Float64Array;
  readonly pieces: readonly Piece[];
}

/** More values than this tell nothing new about where most of them are. */
const SAMPLE = 2_000;

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

/** The values of one curve inside of a view, as far as a scale can show them. */
interface Summary {
  readonly min: number;
  readonly max: number;
  readonly count: number;
  /** One value of every so many, on the scale. */
  readonly sample: readonly number[];
}

const summaryOf = latest(
  ({ xs, ys, pieces }: Curve, min: number, max: number, log: boolean, every: number): Summary => {
    const sample: number[] = [];
    const found = {
      min: Number.POSITIVE_INFINITY,
      max: Number.NEGATIVE_INFINITY,
      count: 0,
      sample,
    };
    for (const piece of pieces) {
      const [from, to] = visibleRows(xs, piece.from, piece.to, min, max);
      for (let i = from; i < to; i++) {
        const x = Number(xs[i]);
        const y = Number(ys[i]);
        if (!(x >= min && x <= max && Number.isFinite(y)) || (log && y <= 0)) continue;
        if (y < found.min) found.min = y;
        if (y > found.max) found.max = y;
        if (found.count++ % every === 0) sample.push(log ? Math.log(y) : y);
      }
    }
    return found;
  },
);

/**
 * What lies further from the middle nine tenths than these are wide is an outlier.
 *
 * Time Series leaves out a tenth of all values, outliers or not; this keeps a curve whole unless a few
 * values would flatten the rest.
 */
function withoutOutliers([min, max]: Range, sample: readonly number[], log: boolean): Range {
  const sorted = new Float64Array(sample).sort();
  const low = Number(sorted[Math.round(0.05 * (sorted.length - 1))]);
  const high = Number(sorted[Math.round(0.95 * (sorted.length - 1))]);
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
  const every = Math.max(1, Math.ceil(countRows(curves, x) / SAMPLE));
  const parts = curves.map((curve) => summaryOf(curve, ...x, log, every));
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  if (count === 0) return null;
  const extent: Range = [
    Math.min(...parts.map(({ min }) => min)),
    Math.max(...parts.map(({ max }) => max)),
  ];
  if (!ignoreOutliers || count < 3) return extent;
  return withoutOutliers(
    extent,
    parts.flatMap(({ sample }) => sample),
    log,
  );
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

/** Beyond these the difference of two limits, or a limit with its margin, would be no number. */
const LARGEST = Number.MAX_VALUE / 4;
const SMALLEST = 1e-300;
const LARGEST_LOG = 600;

const within = (value: number, limit: number) => Math.max(-limit, Math.min(limit, value));

function padLinear(min: number, max: number): Range {
  const [low, high] = [within(min, LARGEST), within(max, LARGEST)];
  const size = Math.max(high - low || Math.abs(high) || 1, SMALLEST);
  return [low - size * 0.1, high + size * 0.1];
}

function padLog(min: number, max: number): Range {
  const [low, high] = [within(Math.log(min), LARGEST_LOG), within(Math.log(max), LARGEST_LOG)];
  const air = Math.max(Math.log(1.15), 0.08 * (high - low));
  return [Math.exp(low - air), Math.exp(high + air)];
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
