import { describe, expect, test } from 'vitest';
import { COUNT_STEPS, countTick, durationTick, linearTicks, logTicks, timeTicks } from './ticks';

describe('ticks', () => {
  test('of a linear axis have the decimals that tell them apart', () => {
    expect(linearTicks([0.25, 0.5, 0.75, 1])).toEqual(['0.25', '0.50', '0.75', '1.00']);
    expect(linearTicks([-1, 0, 1])).toEqual(['−1', '0', '1']);
    expect(linearTicks([0.2, 0.4])).toEqual(['0.2', '0.4']);
    expect(linearTicks([1e7, 2e7])).toEqual(['1.000e+7', '2.000e+7']);
  });

  test('of a log axis are few, however many decades are in view', () => {
    expect(logTicks(1e-5, 1e-3)).toEqual([1e-5, 3e-5, 1e-4, 3e-4, 1e-3]);
    expect(logTicks(1e-12, 1).length).toBeLessThanOrEqual(5);
    expect(logTicks(0.0009, 0.0012)).toEqual([0.001]);
  });

  test('of counts are whole and short', () => {
    expect(COUNT_STEPS.every(Number.isInteger)).toBe(true);
    expect([150, 42_840, 1_250_000].map(countTick)).toEqual(['150', '42.84k', '1.25M']);
  });

  test('of wall time show the clock, and the day where it begins', () => {
    const at = (hour: number, second = 0) =>
      new Date(2026, 10, 21, hour, 0, second).getTime() / 1000;
    expect(timeTicks([at(23), at(24), at(25)], 3600)).toEqual(['23:00', '22 Nov', '01:00']);
    expect(timeTicks([at(10, 15), at(10, 30)], 15)).toEqual(['10:00:15', '10:00:30']);
    expect(timeTicks([at(10)], 86_400)).toEqual(['21 Nov']);
  });

  test('of durations have no rounding noise', () => {
    expect(durationTick(0.1 + 0.2)).toBe('300 ms');
  });
});
