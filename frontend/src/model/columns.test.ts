import { describe, expect, test } from 'vitest';
import { allColumns, columnWidth, defaultColumns, isColumnId, metricOfColumn } from './columns';

const METRICS = ['val_loss', 'loss', 'val_accuracy', 'accuracy', 'lr', 'f1'];
const widthOf = (ids: readonly ReturnType<typeof allColumns>[number][]) =>
  ids.reduce((sum, id) => sum + columnWidth(id), 0);

describe('the columns that nobody chose', () => {
  test.each([300, 480, 844, 1200, 4000])('fit into %i px', (width) => {
    expect(widthOf(defaultColumns(METRICS, true, width))).toBeLessThanOrEqual(Math.max(width, 300));
  });

  test('say first what it is, which run, when, how good and why', () => {
    expect(defaultColumns(METRICS, true, 844)).toEqual([
      'status',
      'run',
      'epoch',
      'saved',
      'metric:val_loss',
      'metric:loss',
      'why',
    ]);
    expect(defaultColumns(METRICS, true, 320)).toEqual(['status', 'run', 'epoch']);
  });

  test('do not name the run where there is only one, nor a metric where there is none', () => {
    expect(defaultColumns([], false, 4000)).toEqual([
      'status',
      'epoch',
      'step',
      'saved',
      'size',
      'reason',
      'why',
    ]);
  });
});

test('every column is one that a link can name', () => {
  expect(allColumns(METRICS, true).every(isColumnId)).toBe(true);
  expect(['', 'metric:', 'Status', 'delta'].some(isColumnId)).toBe(false);
});

test('metrics may be called anything', () => {
  expect(metricOfColumn('metric:a:b\nc')).toBe('a:b\nc');
  expect(metricOfColumn('delta:run')).toBe('run');
  expect(metricOfColumn('run')).toBeNull();
});
