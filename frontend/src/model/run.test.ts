import { describe, expect, test } from 'vitest';
import { checkpoints, decisions, history, session, timeline } from '../testing/builders';
import { buildRun, metricOf } from './run';

describe('axes', () => {
  const run = buildRun(timeline({ sessions: [session({ started: 1_700_000_000 })] }));

  test('epochs are counted from one', () => expect([...run.xs('epoch')]).toEqual([1, 2, 3]));
  test('steps are optimizer updates', () => expect([...run.xs('step')]).toEqual([52, 104, 156]));
  test('relative time starts with the first session', () =>
    expect([...run.xs('relative')]).toEqual([1, 2, 3]));
  test('wall time is that of the events', () =>
    expect([...run.xs('wall')]).toEqual([1_700_000_001, 1_700_000_002, 1_700_000_003]));

  test('what happens inside of an epoch lies between its ends', () => {
    const at = (step: number) => run.x({ session: 0, epoch: 1, step, wallTime: 0 }, 'epoch');
    expect(at(52)).toBe(1);
    expect(at(78)).toBe(1.5);
    expect(at(104)).toBe(2);
  });

  test('an epoch that is not finished yet is placed at its end', () => {
    expect(run.x({ session: 0, epoch: 7, step: 400, wallTime: 0 }, 'epoch')).toBe(8);
  });
});

test('a series is numbers with NaN where there is none, and null for an unknown metric', () => {
  const run = buildRun(timeline({ history: history({ loss: [1, 'NaN', null, 'Infinity'] }) }));
  expect([...(run.series('loss') ?? [])]).toEqual([1, Number.NaN, Number.NaN, Infinity]);
  expect(run.series('f1')).toBeNull();
});

test('checkpoints are rows that know their metrics', () => {
  const run = buildRun(
    timeline({ checkpoints: checkpoints([{ id: 'a', epoch: 4, metrics: { val_loss: 'NaN' } }]) }),
  );
  const [row] = run.checkpoints;
  expect(row).toMatchObject({ id: 'a', run: 'pima', epoch: 4, status: 'saved' });
  expect(row && metricOf(row, 'val_loss')).toBe('NaN');
  expect(row && metricOf(row, 'loss')).toBeNull();
  expect(run.checkpointById.get('a')).toBe(row);
});

describe('the extent of x', () => {
  test('holds curves, checkpoints and decisions that did something', () => {
    const run = buildRun(
      timeline({
        checkpoints: checkpoints([{ id: 'a', epoch: 4 }]),
        decisions: decisions([
          { epoch: 6, topic: 'stop' },
          { epoch: 9, topic: 'stop', acted: false },
        ]),
      }),
    );
    expect(run.extent('epoch')).toEqual([1, 7]);
  });

  test('of a run without anything is no interval', () => {
    const empty = { history: history({}), checkpoints: checkpoints([]) };
    const [min, max] = buildRun(timeline(empty)).extent('step');
    expect(min).toBeGreaterThan(max);
  });
});

test('a series is smoothed with one weight at a time', () => {
  const run = buildRun(timeline({ history: history({ loss: [1, 3] }) }));
  const half = run.smoothed('loss', 0.5);
  expect(run.smoothed('loss', 0.5)).toBe(half);
  expect(half?.[1]).toBeCloseTo(7 / 3);
  expect([...(run.smoothed('loss', 0) ?? [])]).toEqual([1, 3]);
  expect(run.smoothed('f1', 0.5)).toBeNull();
});
