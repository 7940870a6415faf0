import { describe, expect, test } from 'vitest';
import { smooth } from './smooth';

const whole = (length: number) => [{ from: 0, to: length, after: null, abandoned: false }];
const smoothed = (ys: number[], weight: number) => [
  ...smooth(Float64Array.from(ys), whole(ys.length), weight),
];

describe('smoothing', () => {
  test('with weight 0 changes nothing', () => {
    expect(smoothed([3, 1, 2], 0)).toEqual([3, 1, 2]);
  });

  test('is the average of what came so far, the newest counting most', () => {
    const [first, second, third] = smoothed([1, 3, 2], 0.5);
    expect(first).toBeCloseTo(1);
    // (1 · ½ + 3) / 1½
    expect(second).toBeCloseTo(7 / 3);
    // (1 · ¼ + 3 · ½ + 2) / 1¾
    expect(third).toBeCloseTo(15 / 7);
  });

  test('leaves a constant as it is from its first value on', () => {
    for (const value of smoothed([0.7, 0.7, 0.7, 0.7], 0.9)) expect(value).toBeCloseTo(0.7);
  });

  test('passes over what is not a number', () => {
    expect(smoothed([Number.NaN, 5, Infinity, 5], 0.6)).toEqual([Number.NaN, 5, Infinity, 5]);
  });

  test('goes on where a piece continues a row, and begins anew where it does not', () => {
    const ys = Float64Array.from([1, 3, 9, 9, 2]);
    const piece = { abandoned: false };
    const branch = smooth(
      ys,
      [
        { ...piece, from: 0, to: 2, after: null },
        { ...piece, from: 2, to: 4, after: 1 },
        { ...piece, from: 4, to: 5, after: 1 },
      ],
      0.5,
    );
    expect(branch[4]).toBeCloseTo(15 / 7);
    const alone = smooth(ys, [{ ...piece, from: 4, to: 5, after: null }], 0.5);
    expect(alone[4]).toBe(2);
  });
});
