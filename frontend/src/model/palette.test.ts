import { expect, test } from 'vitest';
import { runColor } from './palette';

test('runs have the colours of Time Series: seven, then again, the first one paler in the dark', () => {
  expect(runColor(0, 'light')).toBe('#425066');
  expect(runColor(0, 'dark')).toBe('#8e98a3');
  expect(runColor(1, 'dark')).toBe('#12b5cb');
  expect(runColor(8, 'light')).toBe(runColor(1, 'light'));
});
