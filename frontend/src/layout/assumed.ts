/** From what other settings would have done to what the charts show of it. Pure. */
import type { AssumedMoment, WhatIf } from '../api/types';
import type { Axis } from '../model/axis';
import { formatEpoch } from '../model/format';
import { learningRates } from '../model/metrics';
import { toNumber } from '../model/num';
import type { RunModel } from '../model/run';
import { type Target, targetKey } from '../model/target';
import type { DrawnCurve } from './curves';
import type { Shape } from './glyphs';
import type { Mark } from './marks';

export interface Assumed {
  readonly metricMarks: readonly Mark[];
  readonly rateMarks: readonly Mark[];
  readonly rateCurves: readonly DrawnCurve[];
  /** x behind which nothing would have been trained. */
  readonly end: number | null;
  /** x behind which the training would have been another. */
  readonly differs: number | null;
  /** Keys of the checkpoints that there would not be. */
  readonly gone: ReadonlySet<string>;
}

interface View {
  readonly model: RunModel;
  readonly color: string;
  readonly axis: Axis;
  /** The curve that the marks are put on. */
  readonly metric: string | null;
}

function rowOf({ timeline }: RunModel, moment: AssumedMoment): number {
  const { session, epoch } = timeline.history;
  return session.findLastIndex((one, i) => one === moment.session && epoch[i] === moment.epoch);
}

function markOf(view: View, moment: AssumedMoment, shape: Shape, y: number): Mark[] {
  const { model, color, axis } = view;
  if (!Number.isFinite(y)) return [];
  const target: Target = { kind: 'decision', run: model.name, index: -1 };
  const x = Number(model.xs(axis)[rowOf(model, moment)]);
  const key = `${targetKey(target)} ${shape} ${x}`;
  return [{ target, key, shape, color, x, y, strong: false, faded: false, assumed: true }];
}

/** The learning rate from the first epoch on that would have had another. */
function ratesOf({ cuts, differs_from: from }: WhatIf, view: View, end: number): DrawnCurve[] {
  const { model, color, axis } = view;
  const recorded = learningRates(model);
  const first = cuts.find((cut) => !cut.recorded);
  if (recorded === null || from === null) return [];
  const { epoch, session } = model.timeline.history;
  const begin =
    first?.exact === true
      ? rowOf(model, first)
      : epoch.findLastIndex((one, i) => one === from - 1 && session[i] === session.at(-1));
  if (begin < 0 || begin > end) return [];
  const after = new Map(cuts.map((cut) => [rowOf(model, cut), toNumber(cut.lr_after)]));
  const ys = new Float64Array(recorded.length).fill(Number.NaN);
  let rate = Number(recorded[begin]);
  for (let row = begin; row <= end; row++) {
    ys[row] = rate;
    rate = after.get(row) ?? rate;
  }
  const pieces = [{ from: begin, to: end + 1, after: null, abandoned: false }];
  const style = { dashed: true, stepped: true, alpha: 1, width: 1.5 };
  return [{ xs: model.xs(axis), ys, pieces, color, ...style }];
}

export function assume(answer: WhatIf, view: View): Assumed {
  const { model, axis, metric } = view;
  const { stop, cuts, checkpoints, differs_from: from } = answer;
  const series = metric === null ? null : model.series(metric);
  const valueAt = (moment: AssumedMoment) => Number(series?.[rowOf(model, moment)]);
  const ends = stop?.verdict === 'earlier' ? stop : null;
  const other = cuts.filter(({ recorded }) => !recorded);
  const rows = model.timeline.history.epoch;
  const last = ends === null ? rows.length - 1 : rowOf(model, ends);
  const stopMarks =
    ends === null
      ? []
      : markOf(view, ends, 'assumed-stop', valueAt(ends)).map((mark) => ({
          ...mark,
          strong: true,
          label: `would stop · epoch ${formatEpoch(ends.epoch)}`,
        }));
  const kept = new Set(checkpoints.kept);
  const differs = from === null ? -1 : rows.findLastIndex((epoch) => epoch === from - 1);
  return {
    metricMarks: stopMarks,
    rateMarks: other.flatMap((cut) => markOf(view, cut, 'assumed-cut', toNumber(cut.lr_after))),
    rateCurves: ratesOf(answer, view, last),
    end: ends === null ? null : Number(model.xs(axis)[last]),
    differs: differs < 0 ? null : Number(model.xs(axis)[differs]),
    gone: new Set(model.checkpoints.filter(({ id }) => !kept.has(id)).map(({ key }) => key)),
  };
}
