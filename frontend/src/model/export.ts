/** The table as a file: CSV for spreadsheets, JSON for programs. Pure text. */
import type { Num } from '../api/types';
import type { ChangeRow } from './compare';
import { type Checkpoint, metricOf } from './run';

export interface ExportedCheckpoint {
  readonly run: string;
  readonly id: string;
  /** Counted from one, as the table and Keras's progress bar show it. */
  readonly epoch: number;
  readonly step: number;
  /** Seconds since the Unix epoch. */
  readonly wall_time: number;
  readonly status: string;
  readonly reason: string;
  readonly size_bytes: Num;
  readonly file: string;
  readonly why: string;
  readonly tags: readonly string[];
  readonly note: string;
  readonly metrics: Readonly<Record<string, Num>>;
}

function exported(row: Checkpoint, metrics: readonly string[]): ExportedCheckpoint {
  return {
    run: row.run,
    id: row.id,
    epoch: row.epoch + 1,
    step: row.step,
    wall_time: row.wallTime,
    status: row.status,
    reason: row.reason,
    size_bytes: row.sizeBytes,
    file: row.name,
    why: row.why,
    tags: row.tags,
    note: row.note,
    metrics: Object.fromEntries(metrics.map((name) => [name, metricOf(row, name)])),
  };
}

export function toJson(rows: readonly Checkpoint[], metrics: readonly string[]): string {
  return `${JSON.stringify(
    rows.map((row) => exported(row, metrics)),
    null,
    2,
  )}\n`;
}

/** A text that a spreadsheet would take for a formula is told not to be one. */
const FORMULA = /^[=+\-@\t\r]/;

function csvText(value: string): string {
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csvNumber(value: Num): string {
  return value === null ? '' : String(value);
}

/** RFC 4180, with a heading; a metric is a column under its own name. */
export function toCsv(rows: readonly Checkpoint[], metrics: readonly string[]): string {
  const fixed = ['run', 'id', 'epoch', 'step', 'wall_time', 'status', 'reason', 'size_bytes'];
  const heading = [...fixed, ...metrics, 'file', 'why', 'tags', 'note'].map(csvText);
  const lines = rows.map((row) => {
    const value = exported(row, metrics);
    const numbers = [value.size_bytes, ...metrics.map((name) => value.metrics[name] ?? null)];
    return [
      ...[value.run, value.id].map(csvText),
      ...[value.epoch, value.step, value.wall_time].map(csvNumber),
      ...[value.status, value.reason].map(csvText),
      ...numbers.map(csvNumber),
      ...[value.file, value.why, value.tags.join(' '), value.note].map(csvText),
    ];
  });
  return [heading, ...lines].map((cells) => `${cells.join(',')}\r\n`).join('');
}

/** The rows of a comparison. */
export function changesCsv(rows: readonly ChangeRow[]): string {
  const heading = [
    'name',
    'size',
    'optimizer',
    'relative',
    'at_least',
    'cosine',
    'max_abs',
    'note',
  ];
  const lines = rows.map((row) => [
    ...[row.name, row.size, String(row.optimizer)].map(csvText),
    ...[row.relative, row.atLeast, row.cosine, row.maxAbs].map(csvNumber),
    csvText(row.note),
  ]);
  return [heading, ...lines].map((cells) => `${cells.join(',')}\r\n`).join('');
}
