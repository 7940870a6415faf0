import { describe, expect, test } from 'vitest';
import type { Num, Status } from '../api/types';
import { checkpoints, timeline } from '../testing/builders';
import { bestCheckpoint, monitorBest } from './best';
import { buildRun } from './run';

function runWith(...rows: [Num, Status?][]) {
  const specs = rows.map(([value, status], epoch) => ({
    id: String(epoch),
    epoch,
    status: status ?? ('saved' as const),
    metrics: { val_loss: value },
  }));
  return buildRun(timeline({ checkpoints: checkpoints(specs) }));
}

describe('the best checkpoint', () => {
  test('has the lowest or the highest value', () => {
    const run = runWith([0.5], [0.3], [0.4]);
    expect(bestCheckpoint(run, 'val_loss', 'min')?.id).toBe('1');
    expect(bestCheckpoint(run, 'val_loss', 'max')?.id).toBe('0');
  });

  test('is the later of equals, as in `run.best()`', () => {
    expect(bestCheckpoint(runWith([0.5], [0.3], [0.3], [0.4]), 'val_loss', 'min')?.id).toBe('2');
  });

  test('is one that can be restored', () => {
    const run = runWith(
      [0.1, 'pruned'],
      [0.2, 'failed'],
      [0.3, 'missing'],
      [0.4, 'corrupt'],
      [0.5, 'pinned'],
      [0.6],
    );
    expect(bestCheckpoint(run, 'val_loss', 'min')?.id).toBe('4');
  });

  test('is never one without a value', () => {
    const run = runWith(['NaN'], [null], [0.9]);
    expect(bestCheckpoint(run, 'val_loss', 'min')?.id).toBe('2');
    expect(bestCheckpoint(run, 'val_loss', 'max')?.id).toBe('2');
    expect(bestCheckpoint(run, 'f1', 'max')).toBeNull();
    expect(bestCheckpoint(runWith(), 'val_loss', 'min')).toBeNull();
  });
});

test('the best by monitor is the one that the server names', () => {
  expect(monitorBest(buildRun(timeline({ best: 'b' })))?.id).toBe('b');
  expect(monitorBest(buildRun(timeline({ best: null })))).toBeNull();
});
