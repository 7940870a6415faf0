import { describe, expect, test } from 'vitest';
import { linearScale, logScale } from './scale';

describe.each([
  ['linear', linearScale([10, 20], 0, 100), 15],
  ['upward', linearScale([10, 20], 100, 0), 15],
  ['logarithmic', logScale([0.01, 100], 0, 100), 1],
] as const)('a %s scale', (_, scale, middle) => {
  test('has the middle of its values in the middle', () => {
    expect(scale.toPixel(middle)).toBeCloseTo(50);
  });

  test('leads from a pixel back to the value', () => {
    expect(scale.toValue(scale.toPixel(17))).toBeCloseTo(17);
  });
});

test('a logarithmic scale shows neither zero nor what is below', () => {
  const { toPixel } = logScale([0.01, 100], 0, 100);
  expect([toPixel(0), toPixel(-1)].some(Number.isFinite)).toBe(false);
});
