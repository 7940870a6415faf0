import { describe, expect, test } from 'vitest';
import { buildRun } from '../model/run';
import { history, timeline } from '../testing/builders';
import { allX, learningRateCurves, metricCurves, nearestPoint, nearestRow } from './curves';

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
};
const LOSS = { key: 'loss', train: 'loss', validation: 'val_loss', rank: 'val_loss' };

describe('curves', () => {
  test('validation is solid, its training partner dashed and paler', () => {
    const [train, validation] = metricCurves([run], LOSS, 'epoch', null);
    expect(train).toMatchObject({ dashed: true, ys: run.model.series('loss') });
    expect(validation).toMatchObject({ dashed: false, ys: run.model.series('val_loss'), alpha: 1 });
    expect(train?.alpha).toBeLessThan(1);
  });

  test('training alone is solid', () => {
    const alone = { ...run, model: buildRun(timeline({ history: history({ loss: [1, 2] }) })) };
    const curves = metricCurves([alone], LOSS, 'epoch', null);
    expect(curves.map(({ dashed }) => dashed)).toEqual([false]);
  });

  test('in a crowd only the run in focus has its training curve', () => {
    const crowd = Array.from({ length: 30 }, () => run);
    expect(metricCurves(crowd, LOSS, 'epoch', null).some(({ dashed }) => dashed)).toBe(false);
    expect(metricCurves(crowd, LOSS, 'epoch', 'pima').some(({ dashed }) => dashed)).toBe(true);
  });

  test('the learning rate is drawn in steps', () => {
    expect(learningRateCurves([run], 'epoch')).toMatchObject([{ stepped: true, dashed: false }]);
  });

  test('x covers curves and checkpoints', () => {
    expect(Math.min(...allX([run], 'epoch'))).toBe(1);
    expect(Math.max(...allX([run], 'epoch'))).toBe(3);
  });
});

describe('what is under the pointer', () => {
  test('is the row nearest in x', () => {
    expect([-5, 1.4, 1.6, 99].map((x) => nearestRow(run.model, 'epoch', x))).toEqual([0, 0, 1, 2]);
  });

  test('is the run whose curve is nearest in y', () => {
    const other = {
      ...run,
      model: buildRun(timeline({ run: 'other', history: history({ loss: [9, 9, 9] }) })),
    };
    const at = (y: number) =>
      nearestPoint([run, other], 'epoch', ['val_loss', 'loss'], { x: 2, y }, false)?.run.model.name;
    expect(at(0.55)).toBe('pima');
    expect(at(8)).toBe('other');
  });

  test('is nothing without runs', () => {
    expect(nearestPoint([], 'epoch', ['loss'], { x: 0, y: 0 }, false)).toBeNull();
  });
});
