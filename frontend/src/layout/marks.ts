/**
 * From checkpoints and decisions to marks, in units of the data: pure, so that it can be tested
 * without a canvas.
 *
 * Invariant: stars, crosses and the selected mark are never left out to save space.
 */
import type { Direction } from '../api/types';
import type { Axis } from '../model/axis';
import { monitorBest } from '../model/best';
import { formatEpoch, formatMetric } from '../model/format';
import { latest } from '../model/memo';
import { toNumber } from '../model/num';
import { type Checkpoint, metricOf, type RunModel } from '../model/run';
import type { Target } from '../model/target';
import { checkpointShape, decisionShape, type Shape } from './glyphs';

export interface Mark {
  readonly target: Target;
  readonly key: string;
  readonly shape: Shape;
  readonly color: string;
  readonly x: number;
  readonly y: number;
  /** Drawn larger and last. */
  readonly strong: boolean;
  /** Of a part that the training left behind. */
  readonly faded: boolean;
  /** Written beside the mark. */
  readonly label?: string;
  /** Of what did not happen: it cannot be selected. */
  readonly assumed?: true;
  /** Where the label has most room. */
  readonly labelBelow?: boolean;
}

/** A run that is shown, with what the marks need to know of it. */
export interface ShownRun {
  readonly model: RunModel;
  readonly color: string;
  /** By the metric shown. */
  readonly best: Checkpoint | null;
  /** Whether its curves are only what led to the present state. */
  readonly stitched: boolean;
}

/** Where decisions sit inside of a lane, above the checkpoints. Lane N is centred on y = N. */
const DECISION_OFFSET = -0.26;
const CHECKPOINT_OFFSET = 0.14;

/** The value of `metric` at a checkpoint: its own, else that of the epoch it belongs to. */
function valueAt(model: RunModel, row: Checkpoint, metric: string): number {
  const own = toNumber(metricOf(row, metric));
  if (Number.isFinite(own)) return own;
  const { session, epoch } = model.timeline.history;
  for (let i = epoch.length - 1; i >= 0; i--) {
    if (epoch[i] === row.epoch && session[i] === row.session) {
      return Number(model.series(metric)?.[i] ?? Number.NaN);
    }
  }
  return Number.NaN;
}

/** Above this number of runs only the best of all is drawn large, and rates go without marks. */
const FEW = 5;

/** The best checkpoint over all runs. */
function bestOfAll(runs: readonly ShownRun[], metric: string, direction: Direction) {
  const sign = direction === 'min' ? 1 : -1;
  const value = (row: Checkpoint) => sign * toNumber(metricOf(row, metric));
  const all = runs.flatMap(({ best }) => (best === null ? [] : [best]));
  return all.reduce<Checkpoint | null>(
    (found, row) => (found === null || value(row) < value(found) ? row : found),
    null,
  );
}

/** How the metric chart shows a run's best checkpoint; that of all runs is large and has its value beside it. */
type BestIs = 'best of all' | 'large' | 'small';

const marksOfCurve = latest(
  (
    { model, color, best, stitched }: ShownRun,
    axis: Axis,
    metric: string,
    direction: Direction,
    bestIs: BestIs,
    selectedKey: string | null,
  ): Mark[] => {
    const own = monitorBest(model);
    const marks: Mark[] = [];
    for (const row of model.checkpoints) {
      if (stitched && row.abandoned) continue;
      const special = row === best || row === own || row.status === 'pinned';
      if (!special && row.key !== selectedKey) continue;
      const y = valueAt(model, row, metric);
      if (!Number.isFinite(y)) continue;
      const { target, key } = row;
      const shape = checkpointShape(row.status, row === best, row === own);
      const strong = row === best && bestIs !== 'small';
      const x = model.x(row, axis);
      const mark = { target, key, shape, color, x, y, strong, faded: row.abandoned };
      const labelled = row === best && bestIs === 'best of all';
      const label = `${formatMetric(metricOf(row, metric))} · epoch ${formatEpoch(row.epoch)}`;
      marks.push(labelled ? { ...mark, label, labelBelow: direction === 'min' } : mark);
    }
    return marks;
  },
);

/** The few marks on the curve itself: best, pinned and selected. */
export function curveMarks(
  runs: readonly ShownRun[],
  axis: Axis,
  metric: string,
  direction: Direction,
  selectedKey: string | null,
): Mark[] {
  const winner = bestOfAll(runs, metric, direction);
  const marks = runs.flatMap((run) => {
    const bestIs = run.best === winner ? 'best of all' : runs.length <= FEW ? 'large' : 'small';
    return marksOfCurve(run, axis, metric, direction, bestIs, selectedKey);
  });
  return marks.sort((a, b) => Number(a.strong) - Number(b.strong));
}

/** Marks of the learning-rate chart: every change, at the new value, unless the runs are too many. */
export function learningRateMarks(runs: readonly ShownRun[], axis: Axis): Mark[] {
  if (runs.length > FEW) return [];
  return runs.flatMap(({ model, color, stitched }) =>
    model.decisions
      .filter(({ topic, acted }) => acted && topic === 'learning_rate')
      .filter(({ abandoned }) => !(stitched && abandoned))
      .map((decision) => ({
        target: decision.target,
        key: decision.key,
        shape: 'triangle' as const,
        color,
        x: model.x(decision, axis),
        y: toNumber(decision.lrAfter),
        strong: false,
        faded: decision.abandoned,
      }))
      .filter(({ y }) => Number.isFinite(y)),
  );
}

const marksOfLane = latest(({ model, color, best }: ShownRun, lane: number, axis: Axis): Mark[] => {
  const own = monitorBest(model);
  const marks: Mark[] = model.checkpoints.map((row) => ({
    target: row.target,
    key: row.key,
    shape: checkpointShape(row.status, row === best, row === own),
    color,
    x: model.x(row, axis),
    y: lane + CHECKPOINT_OFFSET,
    strong: row === best,
    faded: row.abandoned,
  }));
  for (const decision of model.decisions) {
    const shape = decisionShape(decision);
    if (shape === null) continue;
    const x = model.x(decision, axis);
    const y = lane + DECISION_OFFSET;
    const { target, key } = decision;
    const faded = decision.abandoned;
    marks.push({ target, key, shape, color, x, y, strong: shape === 'square', faded });
  }
  return marks;
});

/** Every checkpoint and every decision that acted, one lane per run, from the top. */
export function laneMarks(runs: readonly ShownRun[], axis: Axis): Mark[] {
  return runs.flatMap((run, lane) => marksOfLane(run, lane, axis));
}

export interface PlacedMark {
  readonly mark: Mark;
  readonly left: number;
  readonly top: number;
}

const MERGE_PX = 3;
/** A mark whose centre is this far outside is not seen at all. */
const OVERHANG = 12;

function keepAlways(shape: Shape): boolean {
  return shape !== 'disc' && shape !== 'ring' && shape !== 'triangle';
}

/**
 * Places marks in pixels, leaves out those outside, and merges plain ones that are closer than 3 px
 * to the previous one of the same kind and lane.
 */
export function placeMarks(
  marks: readonly Mark[],
  toLeft: (x: number) => number,
  toTop: (y: number) => number,
  { width, height }: { width: number; height: number },
  selectedKey: string | null,
): PlacedMark[] {
  const plain: PlacedMark[] = [];
  const important: PlacedMark[] = [];
  const previous = new Map<string, number>();
  for (const mark of marks) {
    const top = toTop(mark.y);
    if (!(top > -OVERHANG && top < height + OVERHANG)) continue;
    const left = toLeft(mark.x);
    if (!(left >= -1 && left <= width + 1)) continue;
    const placed = { mark, left, top };
    if (mark.strong || keepAlways(mark.shape) || mark.key === selectedKey) {
      important.push(placed);
      continue;
    }
    const group = `${mark.y}|${mark.shape}`;
    const before = previous.get(group);
    if (before !== undefined && Math.abs(left - before) < MERGE_PX) continue;
    previous.set(group, left);
    plain.push(placed);
  }
  return [...plain, ...important.sort((a, b) => Number(a.mark.strong) - Number(b.mark.strong))];
}

/** How much smaller plain marks are drawn so that the fullest lane stays a row of single marks. */
export function crowding(placed: readonly PlacedMark[], width: number): number {
  const counts = new Map<number, number>();
  for (const { mark } of placed) {
    if (keepAlways(mark.shape)) continue;
    counts.set(mark.y, (counts.get(mark.y) ?? 0) + 1);
  }
  const fullest = Math.max(1, ...counts.values());
  return Math.min(1, Math.max(0.6, Math.round(width / fullest) / 10));
}

export function isPlain({ shape, strong }: Mark): boolean {
  return !strong && !keepAlways(shape);
}

/** The mark nearest to a point, if it is near enough to be meant. */
export function hitMark(
  placed: readonly PlacedMark[],
  left: number,
  top: number,
  reach = 12,
): PlacedMark | null {
  let found: PlacedMark | null = null;
  let nearest = reach * reach;
  for (const item of placed) {
    if (item.mark.assumed) continue;
    const distance = (item.left - left) ** 2 + (item.top - top) ** 2;
    // Later marks lie on top: on a tie they win.
    if (distance <= nearest) {
      found = item;
      nearest = distance;
    }
  }
  return found;
}
