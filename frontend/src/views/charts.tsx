/** The metric chart, the learning-rate chart and the lanes, with one crosshair, zoom and selection. */
import { type ReadonlySignal, signal, useComputed, useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { allX, learningRateCurves, metricCurves } from '../layout/curves';
import { curveMarks, laneMarks, learningRateMarks } from '../layout/marks';
import { type Range, xRange, yRange } from '../layout/ranges';
import { lanesOf, WALKS, type Walk, walk } from '../layout/walk';
import { learningRates } from '../model/metrics';
import { toNumber } from '../model/num';
import { metricOf } from '../model/run';
import { type Target, targetKey } from '../model/target';
import { TOKENS } from '../model/tokens';
import { useStore } from '../state/context';
import type { Store } from '../state/store';
import { chartSentence, describeTarget } from './describe';
import { Lanes } from './lanes';
import type { PlotContent, PlotEvents, PlotFrame } from './plot';
import { PlotView } from './plot-view';
import { type Pointer, Readout } from './readout';
import { isNarrow, viewport } from './viewport';

const SAY_AFTER_MS = 250;

/** Everything the plots share: limits of x, selection, and where a target is. */
function useShared(store: Store) {
  const axis = useComputed(() => store.link.value.axis);
  const zoom = useComputed(() => store.link.value.zoom);
  const selectedKey = useComputed(() => {
    const { selection } = store.link.value;
    return selection && targetKey(selection);
  });
  const logScale = useComputed(() => store.link.value.logScale);
  const extentX = useComputed(() => xRange(allX(store.shownRuns.value, axis.value)));
  const x = useComputed<Range>(() => zoom.value ?? extentX.value);
  const hairlines = useComputed(() => {
    const runs = store.shownRuns.value;
    if (runs.length > 3) return [];
    const lines = learningRateMarks(runs, axis.value).map((mark) => mark.x);
    return lines.length > 20 ? [] : lines;
  });
  return { axis, selectedKey, logScale, x, hairlines };
}

type Shared = ReturnType<typeof useShared>;

function useMetricContent(store: Store, shared: Shared): ReadonlySignal<PlotContent> {
  const { axis, selectedKey, logScale, x, hairlines } = shared;
  const focused = useComputed(() => store.link.value.selection?.run ?? null);
  const curves = useComputed(() => {
    const choice = store.choice.value;
    if (choice === null) return [];
    return metricCurves(store.shownRuns.value, choice, axis.value, focused.value);
  });
  return useComputed(() => {
    const rank = store.choice.value?.rank ?? '';
    const marks = curveMarks(
      store.shownRuns.value,
      axis.value,
      rank,
      store.direction.value,
      selectedKey.value,
    );
    const models = store.models.value;
    return {
      curves: curves.value,
      marks,
      x: x.value,
      yRange: (range) => yRange(curves.value, range, logScale.value, inside(marks, range)),
      selectedKey: selectedKey.value,
      hairlines: hairlines.value,
      locate: (_, target) => {
        const model = models.get(target.run);
        const row = target.kind === 'checkpoint' ? model?.checkpointById.get(target.id) : undefined;
        if (model === undefined || row === undefined) return null;
        return { x: model.x(row, axis.value), y: toNumber(metricOf(row, rank)) };
      },
    };
  });
}

function inside(marks: readonly { x: number; y: number }[], [min, max]: Range): number[] {
  return marks.filter((mark) => mark.x >= min && mark.x <= max).map((mark) => mark.y);
}

function useLearningRateContent(store: Store, shared: Shared): ReadonlySignal<PlotContent> {
  const { axis, selectedKey, x, hairlines } = shared;
  const curves = useComputed(() => learningRateCurves(store.shownRuns.value, axis.value));
  const marks = useComputed(() => learningRateMarks(store.shownRuns.value, axis.value));
  return useComputed(() => ({
    curves: curves.value,
    marks: marks.value,
    x: x.value,
    yRange: (range) => yRange(curves.value, range, true),
    selectedKey: selectedKey.value,
    hairlines: hairlines.value,
    locate: (key) => marks.value.find((mark) => mark.key === key) ?? null,
  }));
}

function useLaneContent(store: Store, shared: Shared): ReadonlySignal<PlotContent> {
  const { axis, selectedKey, x, hairlines } = shared;
  const marks = useComputed(() => laneMarks(store.shownRuns.value, axis.value));
  const byKey = useComputed(() => new Map(marks.value.map((mark) => [mark.key, mark])));
  return useComputed(() => ({
    curves: [],
    marks: marks.value,
    x: x.value,
    yRange: () => [-0.5, Math.max(1, store.shownRuns.value.length) - 0.5],
    selectedKey: selectedKey.value,
    hairlines: hairlines.value,
    locate: (key) => byKey.value.get(key) ?? null,
  }));
}

/** Arrow keys walk from mark to mark; what is reached is said once the walk pauses. */
function useWalk(store: Store, lanes: ReadonlySignal<PlotContent>) {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const say = (target: Target) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      store.announcement.value = describeTarget(store, target);
    }, SAY_AFTER_MS);
  };
  return (event: KeyboardEvent) => {
    const { hover, link } = store;
    if (event.key === '0') store.change({ zoom: null });
    else if (event.key === 'Enter' && hover.value !== null)
      store.change({ selection: hover.value });
    else if (event.key === 'Escape') hover.value = null;
    else if (WALKS.includes(event.key)) {
      const from = hover.value ?? link.value.selection;
      const next = walk(lanesOf(lanes.value.marks), from && targetKey(from), event.key as Walk);
      hover.value = next?.target ?? null;
      if (next !== null) say(next.target);
    } else return;
    event.preventDefault();
  };
}

function useWidth() {
  const place = useRef<HTMLDivElement>(null);
  const width = useSignal(0);
  useLayoutEffect(() => {
    const element = place.current;
    if (element === null) return;
    const measure = () => {
      // A hidden tab has no size; its plots keep theirs.
      if (element.clientWidth > 0) width.value = element.clientWidth;
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return { place, width: width.value };
}

function useEvents(store: Store, pointer: { value: Pointer | null }, plot: Pointer['plot']) {
  return useMemo<PlotEvents>(
    () => ({
      hover(at) {
        pointer.value = at && { plot, x: at.x, y: at.y };
        store.hover.value = at?.mark?.target ?? null;
      },
      pick: (mark) => store.change({ selection: mark.target }),
      zoom: (range) => store.change({ zoom: [range[0], range[1]] }),
      reset: () => store.change({ zoom: null }),
    }),
    [store, pointer, plot],
  );
}

export function Charts() {
  const store = useStore();
  const shared = useShared(store);
  const pointer = useMemo(() => signal<Pointer | null>(null), []);
  const metric = useMetricContent(store, shared);
  const learningRate = useLearningRateContent(store, shared);
  const lanes = useLaneContent(store, shared);
  const { place, width } = useWidth();
  const onKeyDown = useWalk(store, lanes);
  const metricEvents = useEvents(store, pointer, 'metric');
  const lrEvents = useEvents(store, pointer, 'learning-rate');
  const laneEvents = useEvents(store, pointer, 'lanes');

  const narrow = isNarrow(viewport.value);
  const low = viewport.value.height < 700;
  const axis = shared.axis.value;
  const tokens = TOKENS[store.theme.value];
  const gutter = narrow ? 92 : 132;
  const y = shared.logScale.value ? 'log' : 'linear';
  const hasRates = useComputed(() =>
    store.shownModels.value.some((model) => learningRates(model) !== null),
  ).value;
  const showRates = hasRates && !low;
  const metricFrame = useMemo<PlotFrame>(
    () => ({ axis, y, xTicks: true, gutter, tokens }),
    [axis, y, gutter, tokens],
  );
  const lrFrame = useMemo<PlotFrame>(
    () => ({ axis, y: 'log', xTicks: false, gutter, tokens }),
    [axis, gutter, tokens],
  );
  const laneFrame = useMemo<PlotFrame>(
    () => ({ axis, y: 'lanes', xTicks: false, gutter, tokens }),
    [axis, gutter, tokens],
  );
  const label = store.choice.value?.key ?? '';

  return (
    <section class="charts" aria-label="Charts">
      <Readout pointer={pointer} />
      <div
        ref={place}
        class="plots"
        role="application"
        aria-roledescription="charts"
        aria-label="Charts. Arrow keys move between markers, Enter opens one, 0 shows everything."
        tabIndex={0}
        onKeyDown={onKeyDown}
      >
        {width > 0 && (
          <>
            <div class="plot-row">
              <span class="plot-title">{label}</span>
              <PlotView
                frame={metricFrame}
                content={metric}
                height={low ? 180 : narrow ? 220 : 256}
                width={width}
                label={chartSentence(store)}
                events={metricEvents}
              />
            </div>
            {showRates && (
              <div class="plot-row">
                <span class="plot-title">learning rate</span>
                <PlotView
                  frame={lrFrame}
                  content={learningRate}
                  height={76}
                  width={width}
                  label="Learning rate of the shown runs, logarithmic"
                  events={lrEvents}
                />
              </div>
            )}
            <Lanes frame={laneFrame} content={lanes} width={width} events={laneEvents} />
          </>
        )}
      </div>
    </section>
  );
}
