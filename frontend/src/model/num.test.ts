import { expect, test } from 'vitest';
import { toNumber, toNumbers } from './num';

test('special values become the numbers they stand for, missing ones NaN', () => {
  expect(toNumber('Infinity')).toBe(Number.POSITIVE_INFINITY);
  expect(toNumber('-Infinity')).toBe(Number.NEGATIVE_INFINITY);
  expect(toNumber('NaN')).toBeNaN();
  expect(toNumber(null)).toBeNaN();
  expect(toNumber(undefined)).toBeNaN();
  expect([...toNumbers([1, null, 'NaN', 2])]).toEqual([1, Number.NaN, Number.NaN, 2]);
});
