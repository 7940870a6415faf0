/** From values to pixels and back. Pure; limits are never empty, see `ranges.ts`. */
import type { Range } from './ranges';

export interface Scale {
  readonly toPixel: (value: number) => number;
  readonly toValue: (pixel: number) => number;
}

/** `from` and `to` are the pixels of the lower and the upper limit. */
export function linearScale([min, max]: Range, from: number, to: number): Scale {
  const factor = (to - from) / (max - min);
  return {
    toPixel: (value) => from + (value - min) * factor,
    toValue: (pixel) => min + (pixel - from) / factor,
  };
}

/** Both limits are above zero. */
export function logScale([min, max]: Range, from: number, to: number): Scale {
  const { toPixel, toValue } = linearScale([Math.log(min), Math.log(max)], from, to);
  return {
    toPixel: (value) => toPixel(Math.log(value)),
    toValue: (pixel) => Math.exp(toValue(pixel)),
  };
}
