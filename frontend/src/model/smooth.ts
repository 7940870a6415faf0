/**
 * Smoothing as Time Series does it: an exponential moving average, corrected for its beginning.
 *
 * Source of the formula: TensorBoard, `webapp/widgets/line_chart_v2/data_transformer.ts`.
 */
import type { Piece } from './branches';

/** TensorBoard's own upper end: at 1 a curve would be its first value for ever. */
export const MAX_SMOOTHING = 0.99;

/**
 * `ys` smoothed with a weight from 0 (not at all) up to, not including, 1. What is not a finite number
 * stays and does not count. A piece goes on from the row that it continues.
 */
export function smooth(ys: Float64Array, pieces: readonly Piece[], weight: number): Float64Array {
  if (weight === 0) return ys;
  const smoothed = new Float64Array(ys);
  const sums = new Float64Array(ys.length);
  const corrections = new Float64Array(ys.length);
  for (const { from, to, after } of pieces) {
    let sum = after === null ? 0 : Number(sums[after]);
    // weight ** (number of values so far)
    let correction = after === null ? 1 : Number(corrections[after]);
    for (let row = from; row < to; row++) {
      const value = Number(ys[row]);
      if (Number.isFinite(value)) {
        sum = sum * weight + (1 - weight) * value;
        correction *= weight;
        smoothed[row] = sum / (1 - correction);
      }
      sums[row] = sum;
      corrections[row] = correction;
    }
  }
  return smoothed;
}
