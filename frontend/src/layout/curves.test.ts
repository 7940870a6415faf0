import { describe, expect, test } from 'vitest';
import { buildRun, type RunModel } from '../model/run';
import { history, timeline } from '../testing/builders';
import {
  type DrawnCurve,
  focusCurves,
  focusRates,
  learningRateCurves,
  metricCurves,
  nearestPoint,
  nearestRow,
} from './curves';

const run = {
  model: buildRun(
    timeline({
      history: history({
        loss: [0.9, 0.7, 0.6],
        val_loss: [0.8, 0.5, 0.65],
        learning_rate: [0.1, 0.1, 0.01],
      }),
    }),
  ),
  color: '#123456',
  best: null,
  stitched: false,
};
const LOSS = { key: 'loss', train: 'loss', validation: 'val_loss', rank: 'val_loss' };

const VIEW = { choice: LOSS, axis: 'epoch', smoothing: 0 } as const;

describe('curves', () => {
  test('validation is solid, its training partner dashed and paler', () => {
    const [train, validation] = metricCurves([run], VIEW);
    expect(train).toMatchObject({ dashed: true, ys: run.model.series('loss') });
    expect(validation).toMatchObject({ dashed: false, ys: run.model.series('val_loss'), alpha: 1 });
    expect(train?.alpha).toBeLessThan(1);
  });

  test('training alone is solid', () => {
    const alone = { ...run, model: buildRun(timeline({ history: history({ loss: [1, 2] }) })) };
    const curves = metricCurves([alone], VIEW);
    expect(curves.map(({ dashed }) => dashed)).toEqual([false]);
  });

  test('in a crowd have their training partner only in focus', () => {
    const crowd = Array.from({ length: 30 }, () => run);
    expect(metricCurves(crowd, VIEW).some(({ dashed }) => dashed)).toBe(false);
    expect(focusCurves(run, VIEW).map(({ dashed }) => dashed)).toEqual([true, false]);
  });

  test('that are smoothed have their values behind them, but not in a crowd', () => {
    const view = { ...VIEW, smoothing: 0.6 };
    const [raw, smoothed] = metricCurves([run], view).filter(({ dashed }) => !dashed);
    expect(raw?.ys).toBe(run.model.series('val_loss'));
    expect(smoothed?.ys).toBe(run.model.smoothed('val_loss', 0.6));
    expect(raw?.alpha).toBeLessThan(0.5);
    const crowd = Array.from({ length: 30 }, () => run);
    expect(metricCurves(crowd, view)).toHaveLength(30);
  });

  test('fade where the training went back and took another way, or leave that out', () => {
    const back = history({ val_loss: [5, 4, 3, 3.5] }, [0, 1, 2, 1]);
    const model = buildRun(
      timeline({ history: { ...back, abandoned: [false, true, true, false] } }),
    );
    const rows = (curve?: DrawnCurve) => curve?.pieces.map(({ from, to }) => [from, to]);
    const [left, kept] = metricCurves([{ ...run, model }], VIEW);
    expect(rows(left)).toEqual([[1, 3]]);
    expect(rows(kept)).toEqual([
      [0, 1],
      [3, 4],
    ]);
    expect(left?.alpha).toBeLessThan(0.5);
    const stitched = metricCurves([{ ...run, model, stitched: true }], VIEW);
    expect(stitched.map(rows)).toEqual([rows(kept)]);
    expect(nearestRow({ ...run, model }, 'epoch', 3)).toBe(2);
    expect(nearestRow({ ...run, model, stitched: true }, 'epoch', 3)).toBe(3);
  });

  test('of the learning rate are drawn in steps', () => {
    expect(learningRateCurves([run], 'epoch')).toMatchObject([{ stepped: true, dashed: false }]);
    expect(focusRates(run, 'epoch')).toMatchObject([{ stepped: true }]);
  });
});

describe('what is under the pointer', () => {
  test('is the row nearest in x', () => {
    expect([-5, 1.4, 1.6, 99].map((x) => nearestRow(run, 'epoch', x))).toEqual([0, 0, 1, 2]);
  });

  test('is the run whose curve is nearest in y', () => {
    const other = {
      ...run,
      model: buildRun(timeline({ run: 'other', history: history({ loss: [9, 9, 9] }) })),
    };
    const both = (model: RunModel) => [model.series('val_loss'), model.series('loss')];
    const at = (y: number) =>
      nearestPoint([run, other], 'epoch', both, { x: 2, y }, false)?.run.model.name;
    expect(at(0.55)).toBe('pima');
    expect(at(8)).toBe('other');
  });

  test('is nothing without runs', () => {
    expect(nearestPoint([], 'epoch', () => [], { x: 0, y: 0 }, false)).toBeNull();
  });
});
