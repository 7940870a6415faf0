/**
 * Reduces a curve to what its pixels can show.
 *
 * Per pixel column at most the first, lowest, highest and last point are kept, so the drawn line is
 * the same while 100 curves of 10,000 points cost what 100 curves of a screen's width cost.
 * A missing value (NaN) breaks the line.
 */

/** First index in [from, to) with xs[index] >= x; xs increases there. */
export function lowerBound(xs: Float64Array, from: number, to: number, x: number): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Number(xs[middle]) < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The rows of [from, to) that a view of [min, max] needs: one more on either side, to run off the edge. */
export function visibleRows(
  xs: Float64Array,
  from: number,
  to: number,
  min: number,
  max: number,
): [number, number] {
  const first = Math.max(from, lowerBound(xs, from, to, min) - 1);
  let last = lowerBound(xs, from, to, max);
  while (last < to && xs[last] === max) last++;
  return [first, Math.min(to, last + 1)];
}

/**
 * Calls `point` for every index to draw, in order, and `gap` where the line breaks.
 *
 * `columnOf` tells the pixel column of an x.
 */
export function decimate(
  xs: Float64Array,
  ys: Float64Array,
  from: number,
  to: number,
  columnOf: (x: number) => number,
  point: (index: number) => void,
  gap: () => void,
): void {
  let column = Number.NaN;
  let firstRow = -1;
  let low = -1;
  let high = -1;
  let lastRow = -1;
  // Four numbers and no list: this is called for every pixel column of every curve.
  const flush = () => {
    if (firstRow < 0) return;
    const earlier = Math.min(low, high);
    const later = Math.max(low, high);
    point(firstRow);
    if (earlier !== firstRow) point(earlier);
    if (later !== earlier) point(later);
    if (lastRow !== later) point(lastRow);
    firstRow = -1;
    column = Number.NaN;
  };
  for (let i = from; i < to; i++) {
    const y = Number(ys[i]);
    if (!Number.isFinite(y)) {
      flush();
      gap();
      continue;
    }
    const here = columnOf(Number(xs[i]));
    if (here !== column) {
      flush();
      column = here;
      firstRow = low = high = lastRow = i;
      continue;
    }
    if (y < Number(ys[low])) low = i;
    if (y > Number(ys[high])) high = i;
    lastRow = i;
  }
  flush();
}
