import { describe, expect, test } from 'vitest';
import { checkpoints, history, timeline } from '../testing/builders';
import {
  defaultMetric,
  knownDirection,
  learningRates,
  metricChoices,
  metricLabel,
} from './metrics';
import { buildRun } from './run';

const run = buildRun(
  timeline({
    monitor: 'val_accuracy',
    history: history({
      loss: [1],
      accuracy: [0.5],
      val_loss: [1],
      val_accuracy: [0.4],
      val_f1: [0.3],
      grad_norm: [2],
      learning_rate: [0.001],
    }),
    checkpoints: checkpoints([{ id: 'a', epoch: 0, metrics: { score: 1 } }]),
  }),
);

describe('metric choices', () => {
  const choices = metricChoices([run]);

  test('fold a metric and its validation partner, and leave the learning rate to its own chart', () => {
    expect(choices.map(({ key }) => key)).toEqual(['loss', 'accuracy', 'f1', 'grad_norm', 'score']);
    expect(choices[0]).toEqual({
      key: 'loss',
      train: 'loss',
      validation: 'val_loss',
      rank: 'val_loss',
    });
  });

  test('are named after what there is', () => {
    expect(choices.map(metricLabel)).toEqual(['loss', 'accuracy', 'val_f1', 'grad_norm', 'score']);
    expect(choices[3]?.rank).toBe('grad_norm');
  });

  test('start with what the run is ranked by', () => {
    expect(defaultMetric(choices, [run])?.key).toBe('accuracy');
    expect(defaultMetric(choices, [])?.key).toBe('loss');
    expect(defaultMetric([], [run])).toBeNull();
  });
});

test('the direction is what Keras knows, or unknown', () => {
  expect(knownDirection('val_accuracy', [run])).toBe('max');
  expect(knownDirection('score', [run])).toBeNull();
});

test('the learning rate is found under both of its names', () => {
  const old = buildRun(timeline({ history: history({ lr: [0.1] }) }));
  expect([...(learningRates(run) ?? [])]).toEqual([0.001]);
  expect([...(learningRates(old) ?? [])]).toEqual([0.1]);
  expect(learningRates(buildRun(timeline()))).toBeNull();
});
