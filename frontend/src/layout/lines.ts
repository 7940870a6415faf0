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
  let kept: number[] = [];
  const flush = () => {
    let previous = -1;
    for (const index of kept.sort((a, b) => a - b)) {
      if (index !== previous) point(index);
      previous = index;
    }
    kept = [];
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
      kept = [i, i, i, i];
      continue;
    }
    if (y < Number(ys[Number(kept[1])])) kept[1] = i;
    if (y > Number(ys[Number(kept[2])])) kept[2] = i;
    kept[3] = i;
  }
  flush();
}
