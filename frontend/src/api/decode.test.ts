import { describe, expect, test } from 'vitest';
import { checkpointDetail, runsAnswer, timeline } from '../testing/builders';
import { decode, ShapeError } from './decode';

test('valid answers are returned as they are', () => {
  const answer = timeline();
  expect(decode.timeline(answer, 'answer')).toBe(answer);
  expect(() => decode.runs(runsAnswer([answer]), 'answer')).not.toThrow();
  expect(() => decode.checkpoint(checkpointDetail(), 'answer')).not.toThrow();
});

test('fields that are not known are ignored', () => {
  const answer = { ...runsAnswer([]), news: [1, 2] };
  expect(decode.runs(answer, 'answer')).toBe(answer);
});

describe('what is wrong is named', () => {
  test.each([
    ['a missing field', { ...timeline(), state: undefined }, 'answer.state should be one of'],
    [
      'an unknown status',
      withStatus('lost'),
      'answer.checkpoints.status[0] should be one of saved',
    ],
    ['a bare NaN', withLoss(Number.NaN), 'answer.history.metrics.loss[0] should be a number'],
    ['columns of different length', shortened(), 'answer.checkpoints.step should be a column of 3'],
    ['a list for an object', [], 'answer should be an object'],
  ])('%s', (_, answer, message) => {
    expect(() => decode.timeline(answer, 'answer')).toThrow(ShapeError);
    expect(() => decode.timeline(answer, 'answer')).toThrow(message);
  });
});

function withStatus(status: string): unknown {
  const answer = timeline();
  const { checkpoints } = answer;
  return { ...answer, checkpoints: { ...checkpoints, status: [status, 'saved', 'saved'] } };
}

function withLoss(value: number): unknown {
  const answer = timeline();
  return { ...answer, history: { ...answer.history, metrics: { loss: [value, 1, 1] } } };
}

function shortened(): unknown {
  const answer = timeline();
  return { ...answer, checkpoints: { ...answer.checkpoints, step: [1] } };
}
