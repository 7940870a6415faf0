/** Numbers as the API sends them, and as the browser can compute with them. */
import type { Num } from '../api/types';

/** The number to compute and plot with; a missing one is NaN, so that lines break there. */
export function toNumber(value: Num | undefined): number {
  return value === null || value === undefined ? Number.NaN : Number(value);
}

/** Like `Array.prototype.map(toNumber)`, but compact and fast to draw from. */
export function toNumbers(values: readonly Num[]): Float64Array {
  const numbers = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    numbers[i] = typeof value === 'number' ? value : toNumber(value);
  }
  return numbers;
}
