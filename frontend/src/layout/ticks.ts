/** Where an axis has its ticks, and how they read. */
import {
  formatClock,
  formatDay,
  formatDuration,
  formatLearningRate,
  formatMetric,
} from '../model/format';

/** Distances between ticks of a relative time axis, in seconds: steps that people count in. */
export const DURATION_STEPS = [
  0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800,
  21_600, 43_200, 86_400, 172_800, 604_800,
];

/** Distances between ticks of an axis that counts: never a fraction. */
export const COUNT_STEPS = Array.from({ length: 16 }, (_, power) =>
  [1, 2, 5].map((digit) => digit * 10 ** power),
).flat();

export function durationTick(seconds: number): string {
  return formatDuration(Number(seconds.toPrecision(12)));
}

export function countTick(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(4))}M`;
  return value >= 1e4 ? `${Number((value / 1e3).toPrecision(4))}k` : String(value);
}

/** Ticks of a log axis: the decades, with 2 and 5 in between where few decades are in view. */
export function logTicks(min: number, max: number): number[] {
  const decades = Math.log10(max / min);
  const digits = decades > 2.5 ? [1] : decades > 1.2 ? [1, 3] : [1, 2, 5];
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power++) {
    for (const digit of digits) {
      const tick = Number(`${digit}e${power}`);
      if (tick >= min && tick <= max) ticks.push(tick);
    }
  }
  const every = Math.ceil(ticks.length / 5);
  return ticks.filter((_, i) => i % every === 0);
}

/** Texts of a wall-time axis in local time: the day where it begins, else as much of the clock as changes. */
export function timeTicks(splits: readonly number[], distance: number): string[] {
  return splits.map((wallTime) => {
    const date = new Date(wallTime * 1000);
    const midnight = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
    if (midnight || distance >= 86_400) return formatDay(wallTime);
    return distance < 60 ? formatClock(wallTime) : formatClock(wallTime).slice(0, 5);
  });
}

/** Texts of a linear axis, all with as many decimals as tell neighbours apart. */
export function linearTicks(splits: readonly number[]): string[] {
  const distance = Math.abs(Number(splits[1]) - Number(splits[0])) || 1;
  const large = splits.some((value) => Math.abs(value) >= 1e6);
  if (large || distance < 1e-6) return splits.map(formatMetric);
  let decimals = 0;
  while (decimals < 6 && Math.abs(distance - Number(distance.toFixed(decimals))) > distance / 100) {
    decimals++;
  }
  return splits.map((value) => value.toFixed(decimals).replace('-', '−'));
}

export const logTick = formatLearningRate;
