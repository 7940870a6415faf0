/** From data to the limits of a scale: pure, never empty, never upside down. */
import type { Piece } from '../model/run';
import { visibleRows } from './lines';

export type Range = readonly [number, number];

/** One drawable curve: rows of `xs` and `ys`, cut where x does not increase. */
export interface Curve {
  readonly xs: Float64Array;
  readonly ys: Float64Array;
  readonly pieces: readonly Piece[];
}

/** The lowest and highest finite value, or null when there is none. */
export function extent(values: Iterable<number>, keep: (v: number) => boolean): Range | null {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value) || !keep(value)) continue;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return min <= max ? [min, max] : null;
}

function* valuesInView(curves: readonly Curve[], [min, max]: Range): Generator<number> {
  for (const { xs, ys, pieces } of curves) {
    for (const piece of pieces) {
      const [from, to] = visibleRows(xs, piece.from, piece.to, min, max);
      for (let i = from; i < to; i++) {
        const x = Number(xs[i]);
        if (x >= min && x <= max) yield Number(ys[i]);
      }
    }
  }
}

/** Limits for what the curves show inside of `x`, with a margin for the markers. */
export function yRange(
  curves: readonly Curve[],
  x: Range,
  log: boolean,
  more: Iterable<number> = [],
): Range {
  const keep = (value: number) => !log || value > 0;
  const seen = extent(valuesInView(curves, x), keep);
  const extra = extent(more, keep);
  const min = Math.min(seen?.[0] ?? Infinity, extra?.[0] ?? Infinity);
  const max = Math.max(seen?.[1] ?? -Infinity, extra?.[1] ?? -Infinity);
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

/** Limits of x over all curves and marks, with a little air so that the outermost mark is whole. */
export function xRange(values: Iterable<number>): Range {
  const seen = extent(values, () => true);
  if (seen === null) return [0, 1];
  const [min, max] = seen;
  const air = (max - min) * 0.012 || 0.5;
  return [min - air, max + air];
}
