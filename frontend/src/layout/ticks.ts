/** Where an axis has its ticks, and how they read. */
import type { Axis } from '../model/axis';
import {
  formatClock,
  formatDay,
  formatDuration,
  formatLearningRate,
  formatMetric,
} from '../model/format';
import type { Range } from './ranges';

export interface Tick {
  readonly at: number;
  readonly text: string;
}

/** Least distances between ticks in px: texts beside each other, and above each other. */
const X_SPACE = 72;
const Y_SPACE = 30;

const DAY = 86_400;
/** Distances between ticks of a time axis, in seconds: steps that people count in. */
const TIME_STEPS = [
  0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800,
  21_600, 43_200,
];

/** The smallest of 1, 2, 5, 10, 20, 50, … that is at least `least`. */
export function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find((digit) => digit * power >= least) ?? 10);
}

function timeStep(least: number): number {
  return TIME_STEPS.find((step) => step >= least) ?? DAY * Math.max(1, roundStep(least / DAY));
}

/** The multiples of `step` inside of a range, without rounding noise. */
function multiples([min, max]: Range, step: number): number[] {
  const first = Math.ceil(min / step);
  const count = Math.floor(max / step) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
}

/** Seconds that local time is ahead of UTC. */
function localOffset(wallTime: number): number {
  return -60 * new Date(wallTime * 1000).getTimezoneOffset();
}

/** Wall times at which the local clock shows a multiple of `step`. */
function clockTimes([min, max]: Range, step: number): number[] {
  const offset = localOffset(min);
  return multiples([min + offset, max + offset], step)
    .map((local) => local - localOffset(local - offset))
    .filter((wallTime) => wallTime >= min && wallTime <= max);
}

function tick(text: (value: number) => string) {
  return (at: number): Tick => ({ at, text: text(at) });
}

export function durationTick(seconds: number): string {
  return formatDuration(Number(seconds.toPrecision(12)));
}

export function countTick(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(4))}M`;
  return value >= 1e4 ? `${Number((value / 1e3).toPrecision(4))}k` : String(value);
}

/** Ticks of a horizontal axis of `width` px. */
export function xTicks(axis: Axis, range: Range, width: number): Tick[] {
  const least = ((range[1] - range[0]) * X_SPACE) / Math.max(X_SPACE, width);
  if (axis === 'wall') {
    const step = timeStep(least);
    const times = clockTimes(range, step);
    const texts = timeTicks(times, step);
    return times.map((at, i) => ({ at, text: texts[i] ?? '' }));
  }
  if (axis === 'relative') return multiples(range, timeStep(least)).map(tick(durationTick));
  // Epochs are counted from one: there is no epoch 0 to label.
  const first = axis === 'epoch' ? 1 : 0;
  const step = Math.max(1, roundStep(least));
  return multiples([Math.max(first, range[0]), range[1]], step).map(tick(countTick));
}

/** Ticks of a vertical axis of `height` px. */
export function yTicks(log: boolean, range: Range, height: number): Tick[] {
  if (log) return logTicks(...range).map(tick(formatLearningRate));
  const least = ((range[1] - range[0]) * Y_SPACE) / Math.max(Y_SPACE, height);
  const at = multiples(range, roundStep(least));
  const texts = linearTicks(at);
  return at.map((value, i) => ({ at: value, text: texts[i] ?? '' }));
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
    if (midnight || distance >= DAY) return formatDay(wallTime);
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
