import { expect, test } from 'vitest';
import { checkpoints, diffAnswer, timeline } from '../testing/builders';
import { layerRows, metricRows, neighbour, sortChanges, variableRows } from './compare';
import { buildRun, type Checkpoint } from './run';

const model = buildRun(
  timeline({
    checkpoints: checkpoints([
      { id: 'a', epoch: 0, metrics: { loss: 0.9, accuracy: 0.5, odd: 1, same: 2 } },
      { id: 'b', epoch: 1, metrics: { loss: 0.7, accuracy: 0.4, odd: 'NaN', same: 2 } },
    ]),
  }),
);
const [a, b] = model.checkpoints as unknown as [Checkpoint, Checkpoint];

test('a metric is better or worse by the end that is best, where that is known', () => {
  const known = { loss: 'min', accuracy: 'max', same: 'min' } as const;
  const rows = metricRows(a, b, (name) => known[name as keyof typeof known] ?? null);
  expect(rows.map(({ name, verdict }) => [name, verdict])).toEqual([
    ['loss', 'better'],
    ['accuracy', 'worse'],
    ['odd', null],
    ['same', 'equal'],
  ]);
  expect(rows[0]?.delta).toBeCloseTo(-0.2);
});

test('rows without a value come last in either direction', () => {
  const rows = ['x', 'y', 'z'].map((name, i) => ({
    name,
    optimizer: false,
    size: '',
    relative: [0.1, null, 'Infinity' as const][i] ?? null,
    atLeast: null,
    cosine: null,
    maxAbs: null,
    note: '',
    spreads: [null, null] as const,
  }));
  const order = (descending: boolean) =>
    sortChanges(rows, { column: 'relative', descending }).map(({ name }) => name);
  expect(order(true)).toEqual(['z', 'x', 'y']);
  expect(order(false)).toEqual(['x', 'z', 'y']);
  expect(sortChanges(rows, { column: null, descending: true })).toEqual(rows);
});

test('layers tell how much of them is equal, variables their shape', () => {
  expect(layerRows(diffAnswer())[0]?.size).toBe('1 of 1 equal');
  expect(variableRows(diffAnswer())[0]?.size).toBe('8×12 float32');
});

test('the run is walked along to its ends', () => {
  expect(neighbour(model, a, 1)).toBe(b);
  expect(neighbour(model, a, -1)).toBeNull();
});
