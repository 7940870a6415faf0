import { expect, test } from 'vitest';
import { latest, memo } from './memo';

test('each key is made once', () => {
  const made: string[] = [];
  const get = memo((key: string) => made.push(key));
  expect([get('a'), get('b'), get('a')]).toEqual([1, 2, 1]);
});

test('the latest result of an object stays until another argument changes', () => {
  const make = latest((of: { name: string }, suffix: string) => ({ text: of.name + suffix }));
  const one = { name: 'one' };
  const first = make(one, '!');
  expect(make({ name: 'two' }, '!')).toEqual({ text: 'two!' });
  expect(make(one, '!')).toBe(first);
  expect(make(one, '?')).toEqual({ text: 'one?' });
  expect(make(one, '!')).not.toBe(first);
});
