/** What each of the three plots shows, computed from the store. */
import { type ReadonlySignal, useComputed } from '@preact/signals';
import {
  type DrawnCurve,
  focusCurves,
  focusRates,
  learningRateCurves,
  type MetricView,
  metricCurves,
} from '../layout/curves';
import { curveMarks, laneMarks, learningRateMarks, type Mark } from '../layout/marks';
import { extentOf, type Range, xRange, yRange } from '../layout/ranges';
import { toNumber } from '../model/num';
import { metricOf } from '../model/run';
import { targetKey } from '../model/target';
import type { Store } from '../state/store';
import type { PlotContent } from './plot';

export interface PlotSignals {
  readonly content: ReadonlySignal<PlotContent>;
  /** The curves of the run in focus. */
  readonly focus: ReadonlySignal<readonly DrawnCurve[]>;
}

const NONE: readonly DrawnCurve[] = [];
/** More lines than this say nothing any more. */
const MOST_HAIRLINES = 20;

/** What the plots have in common. */
export function useShared(store: Store) {
  const axis = useComputed(() => store.link.value.axis);
  const zoom = useComputed(() => store.link.value.zoom);
  const extent = useComputed(() =>
    xRange(store.shownModels.value.map((model) => model.extent(axis.value))),
  );
  return {
    axis,
    logScale: useComputed(() => store.link.value.logScale),
    x: useComputed<Range>(() => zoom.value ?? extent.value),
    selectedKey: useComputed(() => {
      const { selection } = store.link.value;
      return selection && targetKey(selection);
    }),
    hairlines: useComputed(() => {
      const runs = store.shownRuns.value;
      if (runs.length > 3) return [];
      const lines = learningRateMarks(runs, axis.value).map((mark) => mark.x);
      return lines.length > MOST_HAIRLINES ? [] : lines;
    }),
    assumed: useComputed(() => {
      const { assumed, shownRuns } = store;
      if (assumed.value === null) return null;
      const { end, differs } = assumed.value;
      // Where there are others, these went on.
      return { end, differs, alone: shownRuns.value.length === 1 };
    }),
    /** The run whose curves are drawn over the others; none where there are no others. */
    focused: useComputed(() => {
      const runs = store.shownRuns.value;
      const name = store.focusedRun.value;
      return runs.length < 2 ? undefined : runs.find(({ model }) => model.name === name);
    }),
  };
}

export type Shared = ReturnType<typeof useShared>;

function inside(marks: readonly Mark[], [min, max]: Range): number[] {
  return marks.filter((mark) => mark.x >= min && mark.x <= max).map((mark) => mark.y);
}

export function useMetricPlot(store: Store, shared: Shared): PlotSignals {
  const { axis, logScale, x, selectedKey, hairlines, focused, assumed } = shared;
  const smoothing = useComputed(() => store.link.value.smoothing);
  const ignoreOutliers = useComputed(() => store.link.value.ignoreOutliers);
  const view = useComputed<MetricView | null>(() => {
    const choice = store.choice.value;
    return choice && { choice, axis: axis.value, smoothing: smoothing.value };
  });
  const curves = useComputed(() =>
    view.value === null ? NONE : metricCurves(store.shownRuns.value, view.value),
  );
  const extent = useComputed(() =>
    extentOf(curves.value, x.value, logScale.value, ignoreOutliers.value),
  );
  const marks = useComputed(() => {
    const rank = store.choice.value?.rank ?? '';
    const direction = store.direction.value;
    const own = curveMarks(store.shownRuns.value, axis.value, rank, direction, selectedKey.value);
    return [...own, ...(store.assumed.value?.metricMarks ?? [])];
  });
  const content = useComputed<PlotContent>(() => {
    const rank = store.choice.value?.rank ?? '';
    const models = store.models.value;
    return {
      curves: curves.value,
      marks: marks.value,
      x: x.value,
      y: yRange(extent.value, inside(marks.value, x.value), logScale.value),
      selectedKey: selectedKey.value,
      hairlines: hairlines.value,
      assumed: assumed.value,
      locate: (_, target) => {
        const model = models.get(target.run);
        const row = target.kind === 'checkpoint' ? model?.checkpointById.get(target.id) : undefined;
        if (model === undefined || row === undefined) return null;
        return { x: model.x(row, axis.value), y: toNumber(metricOf(row, rank)) };
      },
    };
  });
  const focus = useComputed(() => {
    const run = focused.value;
    return run === undefined || view.value === null ? NONE : focusCurves(run, view.value);
  });
  return { content, focus };
}

export function useRatePlot(store: Store, shared: Shared): PlotSignals {
  const { axis, x, selectedKey, hairlines, focused, assumed } = shared;
  const curves = useComputed(() => [
    ...learningRateCurves(store.shownRuns.value, axis.value),
    ...(store.assumed.value?.rateCurves ?? []),
  ]);
  const marks = useComputed(() => [
    ...learningRateMarks(store.shownRuns.value, axis.value),
    ...(store.assumed.value?.rateMarks ?? []),
  ]);
  const content = useComputed<PlotContent>(() => ({
    curves: curves.value,
    marks: marks.value,
    x: x.value,
    y: yRange(extentOf(curves.value, x.value, true, false), [], true),
    selectedKey: selectedKey.value,
    hairlines: hairlines.value,
    assumed: assumed.value,
    locate: (key) => marks.value.find((mark) => mark.key === key) ?? null,
  }));
  const focus = useComputed(() =>
    focused.value === undefined ? NONE : focusRates(focused.value, axis.value),
  );
  return { content, focus };
}

export function useLanePlot(store: Store, shared: Shared): PlotSignals {
  const { axis, x, selectedKey, hairlines, assumed } = shared;
  const all = useComputed(() => laneMarks(store.shownRuns.value, axis.value));
  const marks = useComputed(() => {
    const gone = store.assumed.value?.gone;
    if (gone === undefined) return all.value;
    return all.value.map((mark) => (gone.has(mark.key) ? { ...mark, faded: true } : mark));
  });
  const byKey = useComputed(() => new Map(marks.value.map((mark) => [mark.key, mark])));
  const content = useComputed<PlotContent>(() => ({
    curves: NONE,
    marks: marks.value,
    x: x.value,
    y: [-0.5, Math.max(1, store.shownRuns.value.length) - 0.5],
    selectedKey: selectedKey.value,
    hairlines: hairlines.value,
    assumed: assumed.value,
    locate: (key) => byKey.value.get(key) ?? null,
  }));
  return { content, focus: useComputed(() => NONE) };
}
