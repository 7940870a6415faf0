/** Values as people read them: pure text, one locale, tabular widths. */
import type { Num } from '../api/types';

const INTEGER = new Intl.NumberFormat('en-US');
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Shown where the server sent no value. */
export const NONE = '–';

const SPECIAL: Record<string, string> = { NaN: 'NaN', Infinity: '∞', '-Infinity': '−∞' };

function special(value: Num | undefined): string | null {
  if (value === null || value === undefined) return NONE;
  return typeof value === 'string' ? (SPECIAL[value] ?? value) : null;
}

function minus(text: string): string {
  return text.replace(/-/g, '−');
}

/** A metric with four decimals, so that a column of them lines up. */
export function formatMetric(value: Num | undefined): string {
  const other = special(value);
  if (other !== null) return other;
  const number = Number(value);
  const size = Math.abs(number);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return minus(number.toExponential(3));
  return minus(number.toFixed(size >= 1000 ? 1 : 4));
}

/** The distance from the best value: `+0.0123`; the best itself is `0`. */
export function formatDelta(value: number): string {
  if (value === 0) return '0';
  if (Number.isNaN(value)) return NONE;
  return value > 0 ? `+${formatMetric(value)}` : formatMetric(value);
}

/** A share as a percentage with three digits: `18.0 %`, `0.042 %`. */
export function formatPercent(value: Num | undefined): string {
  const other = special(value);
  if (other !== null) return other;
  const percent = 100 * Number(value);
  if (percent === 0) return '0 %';
  const size = Math.abs(percent);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  if (size < 0.001) return `${minus(percent.toExponential(1))} %`;
  return `${minus(percent.toFixed(digits))} %`;
}

/** A learning rate in the short form people type: 0.001, 3e-5. */
export function formatLearningRate(value: Num | undefined): string {
  return formatShort(value, 4);
}

/** As few characters as `digits` significant digits need: 0.0213, −1.5, 2.92e4. */
export function formatShort(value: Num | undefined, digits = 3): string {
  const other = special(value);
  if (other !== null) return other;
  const number = Number(value);
  if (number === 0) return '0';
  const size = Math.abs(number);
  if (size >= 1e-3 && size < 1e4) return minus(String(Number(number.toPrecision(digits))));
  const [mantissa, exponent] = number.toExponential(digits - 1).split('e');
  return minus(`${Number(mantissa)}e${Number(exponent)}`);
}

export function formatInteger(value: number): string {
  return INTEGER.format(value);
}

/** An epoch as Keras prints it: counted from one. */
export function formatEpoch(epoch: number): string {
  return INTEGER.format(epoch + 1);
}

export function formatBytes(value: Num | undefined): string {
  const other = special(value);
  if (other !== null) return other;
  let size = Number(value);
  if (size < 1000) return `${size} B`;
  for (const unit of ['kB', 'MB', 'GB', 'TB']) {
    size /= 1000;
    if (size < 999.5) return `${size < 10 ? size.toFixed(1) : size.toFixed(0)} ${unit}`;
  }
  return `${size.toFixed(0)} PB`;
}

const pad = (value: number) => String(value).padStart(2, '0');

function clock(date: Date): string {
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(':');
}

/** `21 Nov` */
export function formatDay(wallTime: number): string {
  const date = new Date(wallTime * 1000);
  return `${date.getDate()} ${MONTHS[date.getMonth()]}`;
}

/** `21 Nov 10:06:22` in local time; the year is said when it is not the current one. */
export function formatTime(wallTime: number, now: Date = new Date()): string {
  // By hand: a table row must not cost what Intl's formatters do.
  const date = new Date(wallTime * 1000);
  const year = date.getFullYear() === now.getFullYear() ? '' : ` ${date.getFullYear()}`;
  return `${date.getDate()} ${MONTHS[date.getMonth()]}${year} ${clock(date)}`;
}

export function formatClock(wallTime: number): string {
  return clock(new Date(wallTime * 1000));
}

/** A duration in its two largest units: `2 h 05 m`, `3 m 10 s`, `4.2 s`, `35 ms`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return NONE;
  if (seconds < 0) return `−${formatDuration(-seconds)}`;
  if (seconds === 0) return '0 s';
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${Number(seconds.toFixed(seconds < 10 ? 1 : 0))} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${pad(whole % 60)} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} m`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d ${pad(hours % 24)} h`;
}

/** How long ago something was, in one unit: `12 s ago`. */
export function formatAgo(seconds: number): string {
  if (seconds < 5) return 'just now';
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}

/** `1 run`, `8 runs`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatInteger(count)} ${count === 1 ? one : many}`;
}
