/** One lane per run below the charts, with every checkpoint and every decision that did something. */
import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { fitRun } from '../host/fit-text';
import { scrollToRow } from '../layout/rows-in-view';
import { plural } from '../model/format';
import { shortNames } from '../model/names';
import { useStore } from '../state/context';
import type { PlotSignals } from './chart-content';
import type { PlotContent, PlotEvents, PlotFrame } from './plot';
import { PlotView } from './plot-view';

const LANE_HEIGHT = 28;
/** Padding, swatch and gaps beside a name. */
const NAME_BESIDE = 42;
/** Above the first and below the last lane. */
const MARGIN = 5;

interface Props {
  readonly frame: PlotFrame;
  readonly signals: PlotSignals;
  readonly width: number;
  readonly events: PlotEvents;
}

/** Scroll position and height of the lanes; what is pointed at elsewhere is scrolled into view. */
function useLaneView() {
  const { hover, shownModels } = useStore();
  const place = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const height = useSignal(0);
  useLayoutEffect(() => {
    const element = place.current;
    if (element === null) return;
    const measure = () => {
      // A hidden tab has no size.
      if (element.clientHeight > 0) height.value = element.clientHeight;
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useSignalEffect(() => {
    const lane = shownModels.value.findIndex(({ name }) => name === hover.value?.run);
    const room = height.peek() - 2 * MARGIN;
    const next = scrollToRow(Math.max(0, lane), LANE_HEIGHT, top.peek(), room);
    const element = place.current;
    if (element === null || lane < 0 || next === top.peek()) return;
    // Under the pointer the lanes stay where they are.
    if (!element.matches(':hover')) element.scrollTop = next;
  });
  return { place, top, height };
}

export function Lanes({ frame, signals, width, events }: Props) {
  const { shownRuns, pointedRun } = useStore();
  const { place, top, height } = useLaneView();
  const runs = shownRuns.value;
  const names = shortNames(runs.map(({ model }) => model.name));
  // Only the lanes in view are drawn: the plot stays in place while its limits of y move.
  const inView = useComputed<PlotContent>(() => {
    const first = (top.value - MARGIN) / LANE_HEIGHT;
    const count = height.value / LANE_HEIGHT;
    return { ...signals.content.value, y: [first - 0.5, first + count - 0.5] };
  });
  const scrolled = useMemo(() => ({ ...signals, content: inView }), [signals.focus, inView]);
  return (
    <div
      ref={place}
      class="lanes"
      role="group"
      aria-label="Lanes"
      tabIndex={0}
      onScroll={(event) => {
        top.value = event.currentTarget.scrollTop;
      }}
    >
      <ul
        class="lane-names"
        style={{ width: `${frame.gutter}px`, paddingBlock: `${MARGIN}px` }}
        aria-hidden="true"
      >
        {runs.map(({ model, color }, i) => (
          <li
            key={model.name}
            style={{ height: `${LANE_HEIGHT}px` }}
            title={model.name}
            onPointerEnter={() => (pointedRun.value = model.name)}
            onPointerLeave={() => (pointedRun.value = null)}
          >
            <span class="swatch" style={{ background: color }} />
            <bdi>{fitRun(names[i] ?? '', frame.gutter - NAME_BESIDE, 12)}</bdi>
          </li>
        ))}
      </ul>
      <div class="lane-plot">
        {height.value > 0 && (
          <PlotView
            frame={frame}
            signals={scrolled}
            width={width}
            height={height.value}
            label={`Checkpoints and decisions of ${plural(runs.length, 'run')}, one lane per run. The table below lists them.`}
            events={events}
          />
        )}
      </div>
    </div>
  );
}
