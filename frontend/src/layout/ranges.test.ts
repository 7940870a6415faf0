import { describe, expect, test } from 'vitest';
import { extentOf, type Range, xRange, yRange } from './ranges';
import { yTicks } from './ticks';

const ALL: Range = [0, 1e6];

function curve(ys: number[]) {
  const xs = Float64Array.from(ys, (_, i) => i + 1);
  const pieces = [{ from: 0, to: ys.length, after: null, abandoned: false }];
  return { xs, ys: Float64Array.from(ys), pieces };
}

describe('limits of y', () => {
  test('hold what is in view, and only that, with a margin', () => {
    const extent = extentOf([curve([100, 1, 2, 100])], [2, 3], false, false);
    expect(extent).toEqual([1, 2]);
    const [min, max] = yRange(extent, [], false);
    expect(min).toBeCloseTo(0.9);
    expect(max).toBeCloseTo(2.1);
  });

  test('hold marks too', () => {
    expect(yRange([1, 2], [9, Number.NaN], false)[1]).toBeGreaterThan(9);
    expect(yRange(null, [0.5], false)[0]).toBeLessThan(0.5);
  });

  test.each([
    ['nothing', []],
    ['only NaN', [Number.NaN, Number.NaN]],
    ['one value', [0.5]],
    ['one zero', [0]],
    ['infinities', [Infinity, -Infinity, 3]],
  ])('are a real interval for %s', (_, ys) => {
    const [min, max] = yRange(extentOf([curve(ys)], ALL, false, true), [], false);
    expect(max - min).toBeGreaterThan(0);
    expect(Number.isFinite(max - min)).toBe(true);
  });

  test.each([
    ['from the smallest number to a huge one', [5e-324, 1e300]],
    ['from end to end of all numbers', [-1.7e308, 1.7e308]],
    ['one smallest number', [5e-324]],
  ])('have ticks to read in both scales, %s', (_, ys) => {
    for (const log of [false, true]) {
      const range = yRange(extentOf([curve(ys)], ALL, log, false), [], log);
      expect(range[1] - range[0]).toBeGreaterThan(0);
      expect(range.every(Number.isFinite)).toBe(true);
      expect(yTicks(log, range, 200).length).toBeLessThan(30);
    }
  });

  test('of a log scale leave out what it cannot show', () => {
    const extent = extentOf([curve([-1, 0, 0.01, 10])], ALL, true, false);
    expect(extent).toEqual([0.01, 10]);
    expect(yRange(extent, [-5], true)[0]).toBeGreaterThan(0);
    expect(yRange(extentOf([curve([-1, 0])], ALL, true, false), [], true)).toEqual([0.1, 1]);
  });
});

describe('outliers', () => {
  const calm = Array.from({ length: 200 }, (_, i) => 0.3 + 0.001 * i);
  const limits = (ys: number[], log = false) => extentOf([curve(ys)], ALL, log, true);

  test('do not flatten the rest', () => {
    expect(limits([900, ...calm, -900])).toEqual([expect.closeTo(0.1, 1), expect.closeTo(0.7, 1)]);
    expect(extentOf([curve([900, ...calm])], ALL, false, false)?.[1]).toBe(900);
  });

  test('are not what merely lies at the ends', () => {
    const falling = Array.from({ length: 150 }, (_, i) => 0.3 + 2 * Math.exp(-i / 30));
    expect(limits(falling)).toEqual([Math.min(...falling), Math.max(...falling)]);
    expect(limits([5, 6])).toEqual([5, 6]);
  });

  test('among equal values are shown: there is no width to measure them by', () => {
    expect(limits([...Array(99).fill(1), 5])).toEqual([1, 5]);
  });

  test('are measured by their logarithm on a log scale', () => {
    const decades = Array.from({ length: 60 }, (_, i) => 10 ** (-i / 10));
    expect(limits(decades, true)).toEqual([Math.min(...decades), 1]);
  });
});

test('limits of x hold everything with a little air', () => {
  expect(xRange([])).toEqual([0, 1]);
  expect(xRange([[Infinity, -Infinity]])).toEqual([0, 1]);
  expect(xRange([[5, 5]])).toEqual([4.5, 5.5]);
  const [min, max] = xRange([
    [1, 20],
    [8, 150],
  ]);
  expect(min).toBeLessThan(1);
  expect(max).toBeGreaterThan(150);
});
