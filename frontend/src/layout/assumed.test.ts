import { expect, test } from 'vitest';
import type { AssumedCut, WhatIf } from '../api/types';
import { buildRun } from '../model/run';
import { history, timeline, whatIfAnswer } from '../testing/builders';
import { assume } from './assumed';

const LOSSES = [5, 4, 4, 4, 4];
const model = buildRun(
  timeline({
    history: history({ val_loss: LOSSES, learning_rate: LOSSES.map(() => 1) }),
  }),
);
const at = (epoch: number) => ({
  session: 0,
  epoch,
  step: 10 * (epoch + 1),
  wall_time: 100 + epoch,
});

function cut(epoch: number, before: number, after: number, part: Partial<AssumedCut>): AssumedCut {
  const rates = { optimizer: '', lr_before: before, lr_after: after };
  return { ...at(epoch), ...rates, recorded: false, exact: false, ...part };
}

function shown(answer: Partial<WhatIf>) {
  const view = { model, color: 'red', axis: 'epoch', metric: 'val_loss' } as const;
  return assume(whatIfAnswer({ stop: null, ...answer }), view);
}

test('an earlier stop is marked on the curve, and ends what is trained', () => {
  const { metricMarks, end, differs } = shown({
    stop: { ...at(1), verdict: 'earlier', exact: true },
  });
  expect(metricMarks).toMatchObject([
    { x: 2, y: 4, shape: 'assumed-stop', label: 'would stop · epoch 2', assumed: true },
  ]);
  expect([end, differs]).toEqual([2, null]);
});

test('a stop where the training ended has no mark of its own', () => {
  const { metricMarks, end } = shown({ stop: { ...at(4), verdict: 'at_end', exact: true } });
  expect([metricMarks, end]).toEqual([[], null]);
});

test('the learning rate goes its own way from the first cut that was not made', () => {
  const cuts = [cut(1, 1, 0.5, { exact: true }), cut(3, 0.5, 0.25, {})];
  const { rateMarks, rateCurves, differs } = shown({ cuts, differs_from: 2 });
  expect(rateMarks.map(({ x, y }) => [x, y])).toEqual([
    [2, 0.5],
    [4, 0.25],
  ]);
  expect([...(rateCurves[0]?.ys ?? [])]).toEqual([Number.NaN, 1, 0.5, 0.5, 0.25]);
  expect(rateCurves[0]?.dashed).toBe(true);
  expect(differs).toBe(2);
});

test('a cut that would not have been made leaves the learning rate where it was', () => {
  const { rateMarks, rateCurves } = shown({ differs_from: 3 });
  expect(rateMarks).toEqual([]);
  expect([...(rateCurves[0]?.ys ?? [])]).toEqual([Number.NaN, Number.NaN, 1, 1, 1]);
});

test('cuts that were made as well are not drawn again', () => {
  const { rateMarks, rateCurves } = shown({
    cuts: [cut(1, 1, 0.5, { recorded: true, exact: true })],
  });
  expect([rateMarks, rateCurves]).toEqual([[], []]);
});

test('checkpoints that there would not be are named', () => {
  const kept = model.checkpoints.slice(0, 1).map(({ id }) => id);
  const { gone } = shown({ checkpoints: { kept, pruned: [], never: [] } });
  expect([...gone]).toEqual(model.checkpoints.slice(1).map(({ key }) => key));
});
