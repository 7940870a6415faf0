import { expect, test } from 'vitest';
import { shortNames } from './names';

test.each([
  [
    ['sweep/a/1', 'sweep/a/2'],
    ['1', '2'],
  ],
  [
    ['sweep/a', 'sweep/b/c'],
    ['a', 'b/c'],
  ],
  [
    ['sweep-1', 'sweep-2'],
    ['sweep-1', 'sweep-2'],
  ],
  [['sweep/a'], ['sweep/a']],
  [
    ['a', 'a/b'],
    ['a', 'a/b'],
  ],
  [[], []],
])('%j become %j', (names, short) => expect(shortNames(names)).toEqual(short));
