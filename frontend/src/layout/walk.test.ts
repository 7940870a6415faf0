import { expect, test } from 'vitest';
import type { Mark } from './marks';
import { lanesOf, type Walk, walk } from './walk';

const mark = (run: string, id: string, x: number): Mark => ({
  target: { kind: 'checkpoint', run, id },
  key: id,
  shape: 'disc',
  color: '#000',
  x,
  y: 0,
  strong: false,
  faded: false,
});
const LANES = lanesOf([
  mark('one', 'b', 2),
  mark('one', 'a', 1),
  mark('one', 'c', 9),
  mark('two', 'd', 1),
  mark('two', 'e', 8),
]);

test.each([
  ['a', 'ArrowRight', 'b'],
  ['a', 'ArrowLeft', 'a'],
  ['c', 'ArrowRight', 'c'],
  ['a', 'End', 'c'],
  ['c', 'Home', 'a'],
  ['c', 'ArrowDown', 'e'],
  ['e', 'ArrowUp', 'c'],
  ['d', 'ArrowDown', 'd'],
  [null, 'ArrowLeft', 'c'],
  ['gone', 'ArrowLeft', 'c'],
] as [string | null, Walk, string][])('from %s, %s leads to %s', (from, key, to) => {
  expect(walk(LANES, from, key)?.key).toBe(to);
});

test('without marks no key leads anywhere', () => {
  expect(walk([], null, 'ArrowRight')).toBeNull();
});
