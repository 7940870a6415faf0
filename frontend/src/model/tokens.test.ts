import { describe, expect, test } from 'vitest';
import { TOKENS, type Tokens } from './tokens';

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

const TEXTS: (keyof Tokens)[] = ['fg', 'muted', 'bad'];
const SURFACES: (keyof Tokens)[] = ['bg', 'surface', 'sunken', 'hover', 'selected'];

describe.each(Object.entries(TOKENS))('%s theme', (_, tokens) => {
  test.each(TEXTS.flatMap((text) => SURFACES.map((surface) => [text, surface] as const)))(
    '%s can be read on %s',
    (text, surface) => expect(contrast(tokens[text], tokens[surface])).toBeGreaterThanOrEqual(4.5),
  );

  test.each([
    ['on-accent', 'accent'],
    ['fg', 'warn-bg'],
    ['fg', 'bad-bg'],
    ['warn', 'bg'],
    ['good', 'surface'],
    ['good', 'hover'],
  ] as const)('%s can be read on %s', (text, surface) =>
    expect(contrast(tokens[text], tokens[surface])).toBeGreaterThanOrEqual(4.5),
  );

  test.each([
    ['edge', 'bg'],
    ['edge', 'surface'],
    ['accent', 'bg'],
    ['accent', 'surface'],
  ] as const)('the edge %s can be seen on %s', (edge, surface) =>
    expect(contrast(tokens[edge], tokens[surface])).toBeGreaterThanOrEqual(3),
  );
});
