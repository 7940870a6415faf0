import { describe, expect, test } from 'vitest';
import { AXES } from '../model/axis';
import { countTick, durationTick, linearTicks, logTicks, timeTicks, xTicks, yTicks } from './ticks';

const texts = (ticks: readonly { text: string }[]) => ticks.map(({ text }) => text);

describe('ticks', () => {
  test('of a linear axis have the decimals that tell them apart', () => {
    expect(linearTicks([0.25, 0.5, 0.75, 1])).toEqual(['0.25', '0.50', '0.75', '1.00']);
    expect(linearTicks([-1, 0, 1])).toEqual(['−1', '0', '1']);
    expect(linearTicks([0.2, 0.4])).toEqual(['0.2', '0.4']);
    expect(linearTicks([1e7, 2e7])).toEqual(['1.000e+7', '2.000e+7']);
    expect(texts(yTicks(false, [0.17, 0.83], 200))).toEqual([
      '0.2',
      '0.3',
      '0.4',
      '0.5',
      '0.6',
      '0.7',
      '0.8',
    ]);
  });

  test('of a log axis are few, however many decades are in view', () => {
    expect(logTicks(1e-5, 1e-3)).toEqual([1e-5, 3e-5, 1e-4, 3e-4, 1e-3]);
    expect(logTicks(1e-12, 1).length).toBeLessThanOrEqual(5);
    expect(logTicks(0.0009, 0.0012)).toEqual([0.001]);
    expect(texts(yTicks(true, [1e-5, 1e-3], 200))).toContain('1e−4');
  });

  test('of counts are whole and short', () => {
    expect([150, 42_840, 1_250_000].map(countTick)).toEqual(['150', '42.84k', '1.25M']);
    expect(texts(xTicks('step', [0, 5000], 400))).toEqual([
      '0',
      '1000',
      '2000',
      '3000',
      '4000',
      '5000',
    ]);
    expect(xTicks('step', [1, 3], 2000).map(({ at }) => at)).toEqual([1, 2, 3]);
  });

  test('of epochs begin with one', () => {
    expect(xTicks('epoch', [0.5, 4.5], 800).map(({ at }) => at)).toEqual([1, 2, 3, 4]);
  });

  test('of wall time show the clock, and the day where it begins', () => {
    const at = (hour: number, second = 0) =>
      new Date(2026, 10, 21, hour, 0, second).getTime() / 1000;
    expect(timeTicks([at(23), at(24), at(25)], 3600)).toEqual(['23:00', '22 Nov', '01:00']);
    expect(timeTicks([at(10, 15), at(10, 30)], 15)).toEqual(['10:00:15', '10:00:30']);
    expect(timeTicks([at(10)], 86_400)).toEqual(['21 Nov']);
    expect(texts(xTicks('wall', [at(22, 1), at(25)], 320))).toEqual(['23:00', '22 Nov', '01:00']);
    const days = xTicks('wall', [at(0), at(24 * 9)], 400);
    expect(days.every((day) => new Date(day.at * 1000).getHours() === 0)).toBe(true);
  });

  test('of durations are those that people count in', () => {
    expect(durationTick(0.1 + 0.2)).toBe('300 ms');
    expect(texts(xTicks('relative', [0, 7200], 400))).toEqual([
      '0 s',
      '30 m 00 s',
      '1 h 00 m',
      '1 h 30 m',
      '2 h 00 m',
    ]);
  });

  test.each(AXES)('of the %s axis are few, and inside of it, however far it is zoomed', (axis) => {
    const ranges = [
      [0, 1e-9],
      [5, 5.001],
      [1, 1e21],
      [1.7e9, 1.7e9 + 1],
      [1.7e9, 1.8e9],
    ] as const;
    for (const range of ranges) {
      const ticks = xTicks(axis, range, 720);
      expect(ticks.length).toBeLessThanOrEqual(11);
      expect(ticks.every(({ at }) => at >= range[0] && at <= range[1])).toBe(true);
    }
  });
});
