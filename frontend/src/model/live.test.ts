import { describe, expect, test } from 'vitest';
import { choicesOf, firstForm, parseRate, withOptimizer } from './live';

describe('the form', () => {
  test('begins with all that the file holds', () => {
    expect(choicesOf(firstForm(true))).toEqual({
      optimizer: true,
      learning_rate: 'checkpoint',
      counters: 'reset',
    });
    expect(choicesOf(firstForm(false))).toMatchObject({ optimizer: false, learning_rate: 'keep' });
  });

  test('takes the learning rate along with the optimizer, but no number that was typed', () => {
    expect(withOptimizer(firstForm(true), false).rate).toBe('keep');
    const typed = { ...firstForm(true), rate: 'value', value: '1e-4' } as const;
    expect(withOptimizer(typed, false)).toEqual({ ...typed, optimizer: false });
  });

  test('that holds no learning rate cannot be asked for', () => {
    const typed = { ...firstForm(true), rate: 'value' } as const;
    expect(choicesOf({ ...typed, value: 'fast' })).toBeNull();
    expect(choicesOf({ ...typed, value: '3e-4' })).toMatchObject({ learning_rate: '0.0003' });
  });
});

test.each([
  ['1e-4', '0.0001'],
  [' 0 ', '0'],
  ['', null],
  ['-1', null],
  ['nan', null],
  ['Infinity', null],
  ['1e7', null],
])('%j as a learning rate is %j', (text, rate) => {
  expect(parseRate(text)).toBe(rate);
});
