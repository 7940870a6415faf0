/**
 * A run as the views need it: rows instead of columns, and one array per curve.
 *
 * Pure: derived from one timeline answer, never changed afterwards.
 */
import type { Num, Reason, Status, Timeline, Topic, WeightsKind } from '../api/types';
import type { Axis, Position } from './axis';
import { type Piece, pieces } from './branches';
import { memo } from './memo';
import { toNumbers } from './num';
import { smooth } from './smooth';
import { type CheckpointTarget, type Target, targetKey } from './target';

export interface Checkpoint extends Position {
  readonly target: CheckpointTarget;
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
  readonly note: string;
  readonly tags: readonly string[];
  /** Whether it can be taken out of the trash. */
  readonly recoverable: boolean;
  /** Whether it belongs to a part that the training left behind. */
  readonly abandoned: boolean;
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
  /** Whether it belongs to a part that the training left behind. */
  readonly abandoned: boolean;
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
  /** The same, smoothed with a weight from 0 to below 1. */
  smoothed(metric: string, weight: number): Float64Array | null;
  x(position: Position, axis: Axis): number;
  /** Lowest and highest x of all that is drawn of the run; infinities the wrong way when nothing is. */
  extent(axis: Axis): readonly [number, number];
}

export function metricOf(checkpoint: Checkpoint, metric: string): Num {
  return checkpoint.metrics[metric]?.[checkpoint.index] ?? null;
}

/**
 * What a checkpoint is compared with where nobody chose: the best of its run; the best itself with the
 * checkpoint before it, else the one after it. Null when it is alone.
 */
export function compareTarget(
  model: RunModel,
  checkpoint: Checkpoint,
  best: ReadonlySet<string>,
): Checkpoint | null {
  const others = model.checkpoints.filter(
    ({ key, status }) => key !== checkpoint.key && status !== 'failed',
  );
  return (
    others.find(({ key }) => best.has(key)) ??
    others.findLast(({ index }) => index < checkpoint.index) ??
    others[0] ??
    null
  );
}

function position(columns: Timeline['checkpoints'] | Timeline['decisions'], i: number): Position {
  return {
    session: columns.session[i] ?? 0,
    epoch: columns.epoch[i] ?? 0,
    step: columns.step[i] ?? 0,
    wallTime: columns.wall_time[i] ?? 0,
  };
}

const NO_TAGS: readonly string[] = [];

function checkpointRows(timeline: Timeline): Checkpoint[] {
  const { run, annotations, checkpoints: columns } = timeline;
  const recoverable = new Set(timeline.recoverable);
  return columns.id.map((id, index) => {
    const target: CheckpointTarget = { kind: 'checkpoint', run, id };
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
      note: annotations[id]?.note ?? '',
      tags: annotations[id]?.tags ?? NO_TAGS,
      recoverable: recoverable.has(id),
      abandoned: columns.abandoned[index] ?? false,
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
      abandoned: columns.abandoned[index] ?? false,
    };
  });
}

/** Steps at which each finished epoch began and ended, to place what happened inside of one. */
function epochSpans(timeline: Timeline): (position: Position) => readonly [number, number] {
  const { session, epoch, step } = timeline.history;
  const rows = timeline.sessions.map(() => new Map<number, number>());
  for (let i = 0; i < epoch.length; i++) rows[session[i] ?? 0]?.set(epoch[i] ?? 0, i);
  return (position) => {
    const i = rows[position.session]?.get(position.epoch);
    if (i === undefined) return [0, 0];
    const end = step[i] ?? 0;
    const sameSession = session[i] === session[i - 1];
    const length = sameSession ? end - (step[i - 1] ?? 0) : (step[i + 1] ?? 0) - end;
    return [end - length, end];
  };
}

/** Position on the epoch axis: the end of epoch N (counted from one) is at N, its middle at N − ½. */
function epochAxis(timeline: Timeline): (position: Position) => number {
  const spanOf = epochSpans(timeline);
  return (position) => {
    const { epoch, step } = position;
    const [begin, end] = spanOf(position);
    if (end <= begin || step >= end) return epoch + 1;
    return epoch + Math.max(0, (step - begin) / (end - begin));
  };
}

/** `Float64Array.from` with a function takes ten times as long. */
function shifted(values: readonly number[], by: number): Float64Array {
  const result = new Float64Array(values);
  for (let i = 0; i < result.length; i++) result[i] = Number(result[i]) + by;
  return result;
}

/** Builds the model of one run from its timeline. */
export function buildRun(timeline: Timeline): RunModel {
  const { run, history } = timeline;
  const start = timeline.sessions[0]?.started ?? history.wall_time[0] ?? 0;
  const onEpochs = epochAxis(timeline);
  const checkpoints = checkpointRows(timeline);
  const decisions = decisionRows(run, timeline.decisions);
  const lines = pieces(timeline);
  const xs = memo((axis: Axis) => {
    if (axis === 'epoch') return shifted(history.epoch, 1);
    if (axis === 'step') return new Float64Array(history.step);
    return shifted(history.wall_time, axis === 'relative' ? -start : 0);
  });
  const x = (position: Position, axis: Axis) => {
    if (axis === 'epoch') return onEpochs(position);
    if (axis === 'step') return position.step;
    return position.wallTime - (axis === 'relative' ? start : 0);
  };
  const series = memo((metric: string) => {
    const values = history.metrics[metric];
    return values === undefined ? null : toNumbers(values);
  });
  const smoothedBy = (weight: number) =>
    memo((metric: string) => {
      const values = series(metric);
      return values && smooth(values, lines, weight);
    });
  // Only of one weight at a time: a slider that is dragged leaves nothing behind.
  let smoothed = { weight: 0, of: series };
  return {
    name: run,
    timeline,
    start,
    pieces: lines,
    checkpoints,
    decisions,
    checkpointById: new Map(checkpoints.map((row) => [row.id, row])),
    xs,
    series,
    smoothed: (metric, weight) => {
      if (weight !== smoothed.weight) smoothed = { weight, of: smoothedBy(weight) };
      return smoothed.of(metric);
    },
    x,
    extent: memo((axis: Axis) => {
      let min = Number.POSITIVE_INFINITY;
      let max = Number.NEGATIVE_INFINITY;
      const hold = (value: number) => {
        if (value < min) min = value;
        if (value > max) max = value;
      };
      for (const { from, to } of lines)
        for (const row of [from, to - 1]) hold(Number(xs(axis)[row]));
      for (const row of checkpoints) hold(x(row, axis));
      for (const row of decisions) if (row.acted) hold(x(row, axis));
      return [min, max];
    }),
  };
}
