import { describe, expect, test } from 'vitest';
import type { Num, Status } from '../api/types';
import { checkpoints, timeline } from '../testing/builders';
import type { ColumnId } from './columns';
import { filterRows, rememberingSort, sortRows } from './rows';
import { buildRun } from './run';

const SPECS: [string, Status, Num][] = [
  ['a', 'pruned', 0.8],
  ['b', 'saved', 'NaN'],
  ['c', 'pinned', 0.2],
  ['d', 'failed', null],
  ['e', 'saved', 0.4],
];
const { checkpoints: rows } = buildRun(
  timeline({
    run: 'Sweep/run-1',
    checkpoints: checkpoints(
      SPECS.map(([id, status, value], epoch) => ({
        id,
        epoch,
        status,
        metrics: { val_loss: value },
      })),
    ),
  }),
);
const best = new Set(rows.filter(({ id }) => id === 'e').map(({ key }) => key));
const ids = (found: readonly { id: string }[]) => found.map(({ id }) => id).join('');

describe('filtering', () => {
  test.each([
    ['', 'all', 'abcde'],
    ['', 'best', 'e'],
    ['', 'restorable', 'bce'],
    ['', 'failed', 'd'],
    ['epoch 3', 'all', 'c'],
    ['sweep EPOCH  3', 'all', 'c'],
    ['epoch 3 failed', 'all', ''],
    ['SWEEP', 'all', 'abcde'],
    ['sweep pinned', 'all', 'c'],
    ['b.weights', 'all', 'b'],
    ['nothing', 'all', ''],
    ['checkpoints/d', 'failed', 'd'],
  ] as const)('"%s" with status %s leaves "%s"', (text, status, left) => {
    expect(ids(filterRows(rows, { text, status }, best))).toBe(left);
  });
});

describe('sorting', () => {
  test.each([
    ['saved', true, 'edcba'],
    ['epoch', false, 'abcde'],
    ['metric:val_loss', false, 'ceadb'],
    ['metric:val_loss', true, 'aecdb'],
    ['delta:val_loss', false, 'ceadb'],
    ['file', false, 'abcde'],
    ['status', false, 'ecbda'],
  ] as [ColumnId, boolean, string][])('by %s, descending %s: %s', (column, descending, order) => {
    expect(ids(sortRows(rows, { column, descending }, best))).toBe(order);
  });

  test('that remembers sorts the same whatever came, went and stayed', () => {
    const ofRun = (run: string, wallTime: number) =>
      rows.map((row, i) => ({ ...row, run, key: `${run} ${row.id}`, wallTime: wallTime + 3 * i }));
    const [a, b, c, bAgain] = [ofRun('a', 1), ofRun('b', 2), ofRun('c', 3), ofRun('b', 2).slice(1)];
    for (const column of ['saved', 'metric:val_loss', 'status', 'file', 'run'] as const) {
      for (const descending of [true, false]) {
        const sort = { column, descending };
        const sorted = rememberingSort();
        for (const runs of [[], [a], [a, b], [a, b, c], [a, bAgain, c], [c], [c, []], [b, c], []]) {
          const expected = sortRows(runs.flat(), sort, best);
          const keys = sorted(runs, sort, best).map(({ key }) => key);
          expect(new Set(keys)).toEqual(new Set(expected.map(({ key }) => key)));
          if (column === 'saved') expect(keys).toEqual(expected.map(({ key }) => key));
        }
      }
    }
  });

  test('that remembers forgets another order', () => {
    const sorted = rememberingSort();
    const sort = { column: 'saved', descending: true } as const;
    sorted([rows], sort, best);
    expect(ids(sorted([rows], { ...sort, descending: false }, best))).toBe('abcde');
  });

  test('does not change what it sorts', () => {
    const before = ids(rows);
    sortRows(rows, { column: 'saved', descending: true }, best);
    expect(ids(rows)).toBe(before);
  });
});
