/**
 * A run as the views need it: rows instead of columns, and one array per curve.
 *
 * Pure: derived from one timeline answer, never changed afterwards. Invariant: inside a piece,
 * x increases on every axis, so that drawing can search it.
 */
import type { Num, Reason, Status, Timeline, Topic, WeightsKind } from '../api/types';
import type { Axis, Position } from './axis';
import { toNumbers } from './num';
import { type Target, targetKey } from './target';

export interface Checkpoint extends Position {
  readonly target: Target;
  readonly key: string;
  readonly run: string;
  readonly id: string;
  readonly index: number;
  readonly status: Status;
  readonly reason: Reason;
  readonly why: string;
  readonly name: string;
  readonly sizeBytes: Num;
  readonly weightsKind: WeightsKind;
  readonly metrics: Record<string, Num[]>;
}

export interface Decision extends Position {
  readonly target: Target;
  readonly key: string;
  readonly run: string;
  readonly index: number;
  readonly topic: Topic;
  readonly verdict: string;
  readonly acted: boolean;
  readonly callback: string;
  readonly sentence: string;
  readonly monitor: string | null;
  readonly observed: Num;
  readonly best: Num;
  readonly bestEpoch: Num;
  readonly wait: Num;
  readonly patience: Num;
  readonly lrBefore: Num;
  readonly lrAfter: Num;
}

/** Rows `from` up to, not including, `to` of the history. */
export interface Piece {
  readonly from: number;
  readonly to: number;
}

export interface RunModel {
  readonly name: string;
  readonly timeline: Timeline;
  /** Wall time at which relative time is zero. */
  readonly start: number;
  readonly pieces: readonly Piece[];
  readonly checkpoints: readonly Checkpoint[];
  readonly decisions: readonly Decision[];
  readonly checkpointById: ReadonlyMap<string, Checkpoint>;
  /** x of every history row. */
  xs(axis: Axis): Float64Array;
  /** y of every history row, or null when the run has no such metric. */
  series(metric: string): Float64Array | null;
  x(position: Position, axis: Axis): number;
}

export function metricOf(checkpoint: Checkpoint, metric: string): Num {
  return checkpoint.metrics[metric]?.[checkpoint.index] ?? null;
}

function memo<K, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>();
  return (key) => {
    const old = made.get(key);
    if (old !== undefined) return old;
    const value = make(key);
    made.set(key, value);
    return value;
  };
}

function cut(history: Timeline['history']): Piece[] {
  const { epoch, step, wall_time: wall } = history;
  const pieces: Piece[] = [];
  let from = 0;
  for (let i = 1; i <= epoch.length; i++) {
    const goesOn =
      i < epoch.length &&
      Number(epoch[i]) > Number(epoch[i - 1]) &&
      Number(step[i]) > Number(step[i - 1]) &&
      Number(wall[i]) >= Number(wall[i - 1]);
    if (goesOn) continue;
    pieces.push({ from, to: i });
    from = i;
  }
  return pieces;
}

function position(columns: Timeline['checkpoints'] | Timeline['decisions'], i: number): Position {
  return {
    session: columns.session[i] ?? 0,
    epoch: columns.epoch[i] ?? 0,
    step: columns.step[i] ?? 0,
    wallTime: columns.wall_time[i] ?? 0,
  };
}

function checkpointRows(run: string, columns: Timeline['checkpoints']): Checkpoint[] {
  return columns.id.map((id, index) => {
    const target: Target = { kind: 'checkpoint', run, id };
    return {
      ...position(columns, index),
      target,
      key: targetKey(target),
      run,
      id,
      index,
      status: columns.status[index] ?? 'missing',
      reason: columns.reason[index] ?? 'scheduled',
      why: columns.why[index] ?? '',
      name: columns.name[index] ?? '',
      sizeBytes: columns.size_bytes[index] ?? null,
      weightsKind: columns.weights_kind[index] ?? 'raw',
      metrics: columns.metrics,
    };
  });
}

function decisionRows(run: string, columns: Timeline['decisions']): Decision[] {
  return columns.topic.map((topic, index) => {
    const target: Target = { kind: 'decision', run, index };
    return {
      ...position(columns, index),
      target,
      key: targetKey(target),
      run,
      index,
      topic,
      verdict: columns.verdict[index] ?? '',
      acted: columns.acted[index] ?? false,
      callback: columns.callback[index] ?? '',
      sentence: columns.sentence[index] ?? '',
      monitor: columns.monitor[index] ?? null,
      observed: columns.observed[index] ?? null,
      best: columns.best[index] ?? null,
      bestEpoch: columns.best_epoch[index] ?? null,
      wait: columns.wait[index] ?? null,
      patience: columns.patience[index] ?? null,
      lrBefore: columns.lr_before[index] ?? null,
      lrAfter: columns.lr_after[index] ?? null,
    };
  });
}

/** Steps at which each finished epoch began and ended, to place what happened inside of one. */
function epochSpans(timeline: Timeline): Map<string, [number, number]> {
  const { session, epoch, step } = timeline.history;
  const spans = new Map<string, [number, number]>();
  for (let i = 0; i < epoch.length; i++) {
    const end = step[i] ?? 0;
    const sameSession = session[i] === session[i - 1];
    const length = sameSession ? end - (step[i - 1] ?? 0) : (step[i + 1] ?? 0) - end;
    spans.set(`${session[i]}:${epoch[i]}`, [end - length, end]);
  }
  return spans;
}

/** Position on the epoch axis: the end of epoch N (counted from one) is at N, its middle at N − ½. */
function epochAxis(timeline: Timeline): (position: Position) => number {
  const spans = epochSpans(timeline);
  return ({ session, epoch, step }) => {
    const [begin, end] = spans.get(`${session}:${epoch}`) ?? [0, 0];
    if (end <= begin || step >= end) return epoch + 1;
    return epoch + Math.max(0, (step - begin) / (end - begin));
  };
}

/** Builds the model of one run from its timeline. */
export function buildRun(timeline: Timeline): RunModel {
  const { run, history } = timeline;
  const start = timeline.sessions[0]?.started ?? history.wall_time[0] ?? 0;
  const onEpochs = epochAxis(timeline);
  const checkpoints = checkpointRows(run, timeline.checkpoints);
  return {
    name: run,
    timeline,
    start,
    pieces: cut(history),
    checkpoints,
    decisions: decisionRows(run, timeline.decisions),
    checkpointById: new Map(checkpoints.map((row) => [row.id, row])),
    xs: memo((axis: Axis) => {
      if (axis === 'epoch') return Float64Array.from(history.epoch, (epoch) => epoch + 1);
      if (axis === 'step') return Float64Array.from(history.step);
      const origin = axis === 'relative' ? start : 0;
      return Float64Array.from(history.wall_time, (time) => time - origin);
    }),
    series: memo((metric: string) => {
      const values = history.metrics[metric];
      return values === undefined ? null : toNumbers(values);
    }),
    x(position, axis) {
      if (axis === 'epoch') return onEpochs(position);
      if (axis === 'step') return position.step;
      return position.wallTime - (axis === 'relative' ? start : 0);
    },
  };
}
