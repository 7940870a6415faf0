import { describe, expect, test } from 'vitest';
import { decimate, lowerBound, visibleRows } from './lines';

const up = (count: number) => Float64Array.from({ length: count }, (_, i) => i);

/** What is drawn, as text: indices, and | where the line breaks. */
function drawn(xs: Float64Array, ys: readonly number[], pixels: number): string {
  const parts: (number | string)[] = [];
  const column = (x: number) => Math.floor(x / pixels);
  decimate(
    xs,
    Float64Array.from(ys),
    0,
    ys.length,
    column,
    (i) => parts.push(i),
    () => parts.push('|'),
  );
  return parts.join(' ');
}

describe('decimating', () => {
  test('keeps everything when each point has a pixel of its own', () => {
    expect(drawn(up(4), [3, 1, 2, 5], 1)).toBe('0 1 2 3');
  });

  test('keeps first, lowest, highest and last of a pixel, in order, each once', () => {
    expect(drawn(up(8), [3, 3, 9, 3, 1, 3, 3, 4], 8)).toBe('0 2 4 7');
    expect(drawn(up(3), [1, 1, 1], 8)).toBe('0 2');
  });

  test('breaks at what is not a number', () => {
    expect(drawn(up(5), [1, Number.NaN, 2, Infinity, 3], 1)).toBe('0 | 2 | 4');
  });

  test('never draws more than four points per pixel, and loses no extreme', () => {
    const ys = Array.from({ length: 10_000 }, (_, i) => Math.sin(i) + (i === 5_000 ? 50 : 0));
    const kept = drawn(up(10_000), ys, 100).split(' ').map(Number);
    expect(kept.length).toBeLessThanOrEqual(400);
    expect(kept).toContain(5_000);
    expect(kept).toEqual([...kept].sort((a, b) => a - b));
  });
});

describe('rows in view', () => {
  const xs = Float64Array.from([1, 2, 3, 4, 5]);

  test('include one more on either side, so that the line runs off the edge', () => {
    expect(visibleRows(xs, 0, 5, 2.5, 3.5)).toEqual([1, 4]);
  });

  test('include a point on the edge', () => {
    expect(visibleRows(xs, 0, 5, 2, 4)).toEqual([0, 5]);
  });

  test('stay inside of their piece', () => {
    expect(visibleRows(xs, 1, 4, 0, 9)).toEqual([1, 4]);
    expect(visibleRows(xs, 0, 0, 0, 9)).toEqual([0, 0]);
  });

  test('are found by binary search', () => {
    expect([0, 1, 2.5, 5, 6].map((x) => lowerBound(xs, 0, 5, x))).toEqual([0, 0, 2, 4, 5]);
  });
});
