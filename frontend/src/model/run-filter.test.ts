import { describe, expect, test } from 'vitest';
import { ALL_RUNS, isShown, matchesSearch, showOnly, toggleRun } from './run-filter';

const RUNS = ['a', 'b', 'c', 'd', 'e'];
const shown = (filter: typeof ALL_RUNS) => RUNS.filter((run) => isShown(filter, run)).join('');

test('all runs are shown at first, later ones too', () => {
  expect(shown(ALL_RUNS)).toBe('abcde');
  expect(isShown(ALL_RUNS, 'new')).toBe(true);
});

describe('toggling', () => {
  test('hides and shows one run', () => {
    const without = toggleRun(ALL_RUNS, 'b', RUNS);
    expect(shown(without)).toBe('acde');
    expect(shown(toggleRun(without, 'b', RUNS))).toBe('abcde');
  });
});

test('a choice of few stays that choice when runs are added', () => {
  const two = showOnly(new Set(['a', 'c']), RUNS);
  expect(shown(two)).toBe('ac');
  expect(isShown(two, 'new')).toBe(false);
});

test('a search is a regular expression, or plain text when it is not a valid one', () => {
  expect(RUNS.filter(matchesSearch('^[ab]$'))).toEqual(['a', 'b']);
  expect(['x(1', 'x1'].filter(matchesSearch('x(1'))).toEqual(['x(1']);
  expect(RUNS.filter(matchesSearch(''))).toEqual(RUNS);
});
