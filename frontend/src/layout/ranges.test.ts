import { describe, expect, test } from 'vitest';
import { xRange, yRange } from './ranges';

function curve(ys: number[]) {
  const xs = Float64Array.from(ys, (_, i) => i + 1);
  return { xs, ys: Float64Array.from(ys), pieces: [{ from: 0, to: ys.length }] };
}

describe('limits of y', () => {
  test('leave a margin around what is in view, and only that', () => {
    const [min, max] = yRange([curve([100, 1, 2, 100])], [2, 3], false);
    expect(min).toBeCloseTo(0.9);
    expect(max).toBeCloseTo(2.1);
  });

  test('hold marks too', () => {
    expect(yRange([curve([1, 2])], [1, 2], false, [9])[1]).toBeGreaterThan(9);
  });

  test.each([
    ['nothing', []],
    ['only NaN', [Number.NaN, Number.NaN]],
    ['one value', [0.5]],
    ['one zero', [0]],
    ['infinities', [Infinity, -Infinity, 3]],
  ])('are a real interval for %s', (_, ys) => {
    const [min, max] = yRange([curve(ys)], [0, 10], false);
    expect(max - min).toBeGreaterThan(0);
    expect(Number.isFinite(max - min)).toBe(true);
  });

  test('of a log scale ignore what it cannot show', () => {
    const [min, max] = yRange([curve([-1, 0, 0.01, 10])], [0, 10], true);
    expect(min).toBeGreaterThan(0);
    expect(min).toBeLessThan(0.01);
    expect(max).toBeGreaterThan(10);
    expect(yRange([curve([-1, 0])], [0, 10], true)).toEqual([0.1, 1]);
  });
});

test('limits of x hold everything with a little air', () => {
  expect(xRange([])).toEqual([0, 1]);
  expect(xRange([5])).toEqual([4.5, 5.5]);
  const [min, max] = xRange([1, 150, Number.NaN]);
  expect(min).toBeLessThan(1);
  expect(max).toBeGreaterThan(150);
});
