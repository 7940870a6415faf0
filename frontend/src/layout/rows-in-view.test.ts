import { describe, expect, test } from 'vitest';
import { rowsInView, scrollToRow } from './rows-in-view';

describe('the rows that exist', () => {
  test.each([
    [10_000, 0, 320, { first: 0, end: 14 }],
    [10_000, 3_200, 320, { first: 96, end: 114 }],
    [5, 0, 320, { first: 0, end: 5 }],
    [5, 99_999, 320, { first: 5, end: 5 }],
    [0, 0, 320, { first: 0, end: 0 }],
  ])('of %i, scrolled to %i', (count, scrollTop, height, expected) => {
    expect(rowsInView(count, 32, scrollTop, height)).toEqual(expected);
  });
});

describe('scrolling to a row', () => {
  test('moves as little as possible', () => {
    expect(scrollToRow(5, 32, 0, 320)).toBe(0);
    expect(scrollToRow(10, 32, 0, 320)).toBe(32);
    expect(scrollToRow(2, 32, 640, 320)).toBe(64);
  });
});
