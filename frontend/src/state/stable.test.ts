import { signal } from '@preact/signals';
import { expect, test } from 'vitest';
import { equalLists, equalMaps, equalSets, stable } from './stable';

test('an equal value is the same object, another one is not', () => {
  const source = signal([1, 2]);
  const kept = stable(() => new Set(source.value), equalSets);
  const first = kept.value;
  source.value = [2, 1, 1];
  expect(kept.value).toBe(first);
  source.value = [1, 3];
  expect([...kept.value]).toEqual([1, 3]);
});

test('collections are equal when all that they hold is', () => {
  expect(equalSets(new Set([1]), new Set([1, 2]))).toBe(false);
  expect(equalMaps(new Map([['a', 1]]), new Map([['a', 1]]))).toBe(true);
  expect(equalMaps(new Map([['a', 1]]), new Map([['a', 2]]))).toBe(false);
  expect(equalLists(['a', 'b'], ['b', 'a'])).toBe(false);
  expect(equalLists([], [])).toBe(true);
});
