import { expect, test } from 'vitest';
import { equalLists, equalMaps, equalRecords, equalSets } from './equal';

test('collections are equal when all that they hold is', () => {
  expect(equalSets(new Set([1]), new Set([1, 2]))).toBe(false);
  expect(equalMaps(new Map([['a', 1]]), new Map([['a', 1]]))).toBe(true);
  expect(equalMaps(new Map([['a', 1]]), new Map([['a', 2]]))).toBe(false);
  expect(equalLists(['a', 'b'], ['b', 'a'])).toBe(false);
  expect(equalLists([], [])).toBe(true);
  expect(equalRecords([{ a: 1 }], [{ a: 1 }])).toBe(true);
  expect(equalRecords([{ a: 1 }], [{ a: 2 }])).toBe(false);
});
