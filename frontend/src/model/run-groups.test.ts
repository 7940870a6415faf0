import { expect, test } from 'vitest';
import { groupRuns } from './run-groups';

test('folders of several runs are groups, in the place of their first run', () => {
  expect(groupRuns(['a/1', 'alone', 'b/c/1', 'a/2', 'b/d', 'b/c/2'])).toEqual([
    { folder: 'a', names: ['a/1', 'a/2'] },
    { folder: null, names: ['alone'] },
    { folder: 'b/c', names: ['b/c/1', 'b/c/2'] },
    { folder: null, names: ['b/d'] },
  ]);
});

test('runs without a folder are no group', () => {
  expect(groupRuns(['x', 'y']).map(({ folder }) => folder)).toEqual([null, null]);
});
