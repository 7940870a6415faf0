/** The metric chart, the learning-rate chart and the lanes, with one crosshair, zoom and selection. */
import { useComputed } from '@preact/signals';
import { useMemo, useRef } from 'preact/hooks';
import { learningRates } from '../model/metrics';
import { TOKENS } from '../model/tokens';
import { useStore } from '../state/context';
import type { Pointer } from '../state/pointing';
import type { Store } from '../state/store';
import { useLanePlot, useMetricPlot, useRatePlot, useShared } from './chart-content';
import { chartSentence } from './describe';
import { Lanes } from './lanes';
import type { PlotEvents, PlotFrame } from './plot';
import { PlotView } from './plot-view';
import { Readout } from './readout';
import { useWalk } from './use-walk';
import { useWidth } from './use-width';
import { isNarrow, viewport } from './viewport';

/** Pages lower than this have no room for the chart of the learning rate. */
const LOW = 700;
const GUTTER = { wide: 132, narrow: 92 };

function useEvents({ pointer, hover, change }: Store, plot: Pointer['plot']): PlotEvents {
  return useMemo(
    () => ({
      hover(at) {
        pointer.value = at && { plot, x: at.x, y: at.y };
        hover.value = at?.mark?.target ?? null;
      },
      pick: (mark) => change({ selection: mark.target }),
      zoom: (range) => change({ zoom: range }),
      reset: () => change({ zoom: null }),
    }),
    [pointer, hover, change, plot],
  );
}

function useFrame({ axis, y, xTicks, gutter, tokens }: PlotFrame): PlotFrame {
  return useMemo(() => ({ axis, y, xTicks, gutter, tokens }), [axis, y, xTicks, gutter, tokens]);
}

export function Charts() {
  const store = useStore();
  const shared = useShared(store);
  const metric = useMetricPlot(store, shared);
  const rates = useRatePlot(store, shared);
  const lanes = useLanePlot(store, shared);
  const place = useRef<HTMLDivElement>(null);
  const width = useWidth(place).value;
  const onKeyDown = useWalk(store, lanes.content);
  const metricEvents = useEvents(store, 'metric');
  const rateEvents = useEvents(store, 'learning-rate');
  const laneEvents = useEvents(store, 'lanes');

  const narrow = isNarrow(viewport.value);
  const low = viewport.value.height < LOW;
  const axis = shared.axis.value;
  const tokens = TOKENS[store.theme.value];
  const gutter = narrow ? GUTTER.narrow : GUTTER.wide;
  const common = { axis, gutter, tokens };
  const y = shared.logScale.value ? 'log' : 'linear';
  const metricFrame = useFrame({ ...common, y, xTicks: true });
  const rateFrame = useFrame({ ...common, y: 'log', xTicks: false });
  const laneFrame = useFrame({ ...common, y: 'lanes', xTicks: false });
  const hasRates = useComputed(() =>
    store.shownModels.value.some((model) => learningRates(model) !== null),
  ).value;

  return (
    <section class="charts" aria-label="Charts">
      <Readout />
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
              <span class="plot-title">{store.choice.value?.key}</span>
              <PlotView
                frame={metricFrame}
                signals={metric}
                height={low ? 180 : narrow ? 220 : 256}
                width={width}
                label={chartSentence(store)}
                events={metricEvents}
              />
            </div>
            {hasRates && !low && (
              <div class="plot-row">
                <span class="plot-title">learning rate</span>
                <PlotView
                  frame={rateFrame}
                  signals={rates}
                  height={76}
                  width={width}
                  label="Learning rate of the shown runs, logarithmic"
                  events={rateEvents}
                />
              </div>
            )}
            <Lanes frame={laneFrame} signals={lanes} width={width} events={laneEvents} />
          </>
        )}
      </div>
    </section>
  );
}
