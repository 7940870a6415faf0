import { describe, expect, test } from 'vitest';
import {
  formatAgo,
  formatBytes,
  formatDelta,
  formatDuration,
  formatEpoch,
  formatLearningRate,
  formatMetric,
  formatPercent,
  formatTime,
  plural,
} from './format';

describe('a metric', () => {
  test.each([
    [0.30384, '0.3038'],
    [0, '0.0000'],
    [-1.5, '−1.5000'],
    [12345.67, '12345.7'],
    [0.00001234, '1.234e−5'],
    [2.5e7, '2.500e+7'],
    ['NaN', 'NaN'],
    ['Infinity', '∞'],
    ['-Infinity', '−∞'],
    [null, '–'],
    [undefined, '–'],
  ] as const)('%s reads %s', (value, text) => expect(formatMetric(value)).toBe(text));
});

test.each([
  [0.0123, '+0.0123'],
  [-0.5, '−0.5000'],
  [0, '0'],
  [Number.NaN, '–'],
])('a distance of %s reads %s', (value, text) => expect(formatDelta(value)).toBe(text));

describe('a learning rate', () => {
  test.each([
    [0.001, '0.001'],
    [0.0003, '3e−4'],
    [1.2345e-7, '1.235e−7'],
    [0, '0'],
    [1, '1'],
    [null, '–'],
  ] as const)('%s reads %s', (value, text) => expect(formatLearningRate(value)).toBe(text));
});

describe('a size', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [39_200, '39 kB'],
    [1_500, '1.5 kB'],
    [999_900, '1.0 MB'],
    [392_000_000, '392 MB'],
    [null, '–'],
  ] as const)('%s reads %s', (value, text) => expect(formatBytes(value)).toBe(text));
});

describe('a duration', () => {
  test.each([
    [0, '0 s'],
    [0.035, '35 ms'],
    [4.21, '4.2 s'],
    [42, '42 s'],
    [190, '3 m 10 s'],
    [7500, '2 h 05 m'],
    [90_000, '1 d 01 h'],
    [-30, '−30 s'],
    [Number.NaN, '–'],
  ])('%s reads %s', (value, text) => expect(formatDuration(value)).toBe(text));
});

test('an epoch is counted from one, as Keras prints it', () => {
  expect(formatEpoch(0)).toBe('1');
  expect(formatEpoch(1499)).toBe('1,500');
});

test('a time names the year only when it is another one', () => {
  const now = new Date(2026, 10, 21);
  const at = (year: number) => new Date(year, 10, 21, 10, 6, 22).getTime() / 1000;
  expect(formatTime(at(2026), now)).toBe('21 Nov 10:06:22');
  expect(formatTime(at(2025), now)).toBe('21 Nov 2025 10:06:22');
});

test('an age is told in one unit', () => {
  expect([2, 12, 600, 7200, 864_000].map(formatAgo)).toEqual([
    'just now',
    '12 s ago',
    '10 min ago',
    '2 h ago',
    '10 d ago',
  ]);
});

test('a count agrees with its noun', () => {
  expect([plural(1, 'run'), plural(0, 'run'), plural(1200, 'run')]).toEqual([
    '1 run',
    '0 runs',
    '1,200 runs',
  ]);
});

test('a share is a percentage with the digits that matter', () => {
  expect([0.18, 0.0123, 2.5, 0, 1e-7, 'Infinity' as const].map(formatPercent)).toEqual([
    '18.0 %',
    '1.23 %',
    '250 %',
    '0 %',
    '1.0e−5 %',
    '∞',
  ]);
});
