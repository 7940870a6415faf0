import { signal } from '@preact/signals';
import { expect, test } from 'vitest';
import { equalSets } from '../model/equal';
import { stable } from './stable';

test('an equal value is the same object, another one is not', () => {
  const source = signal([1, 2]);
  const kept = stable(() => new Set(source.value), equalSets);
  const first = kept.value;
  source.value = [2, 1, 1];
  expect(kept.value).toBe(first);
  source.value = [1, 3];
  expect([...kept.value]).toEqual([1, 3]);
});
