/** One lane per run below the charts, with every checkpoint and every decision that did something. */
import { type ReadonlySignal, useSignalEffect } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { scrollToRow } from '../layout/rows-in-view';
import { plural } from '../model/format';
import { shortNames } from '../model/names';
import { useStore } from '../state/context';
import type { PlotContent, PlotEvents, PlotFrame } from './plot';
import { PlotView } from './plot-view';

const LANE_HEIGHT = 28;
/** uPlot's padding above and below the lanes. */
const PADDING = 12;

interface Props {
  readonly frame: PlotFrame;
  readonly content: ReadonlySignal<PlotContent>;
  readonly width: number;
  readonly events: PlotEvents;
}

/** Scrolls the lane of what is pointed at elsewhere (table, keys) into view. */
function useReveal() {
  const { hover, shownModels } = useStore();
  const place = useRef<HTMLDivElement>(null);
  useSignalEffect(() => {
    const lane = shownModels.value.findIndex(({ name }) => name === hover.value?.run);
    const element = place.current;
    // Under the pointer the lanes stay where they are.
    if (element === null || lane < 0 || element.matches(':hover')) return;
    const { scrollTop, clientHeight } = element;
    element.scrollTop = scrollToRow(lane, LANE_HEIGHT, scrollTop, clientHeight - PADDING);
  });
  return place;
}

export function Lanes({ frame, content, width, events }: Props) {
  const { shownRuns } = useStore();
  const place = useReveal();
  const runs = shownRuns.value;
  if (runs.length === 0) return null;
  const names = shortNames(runs.map(({ model }) => model.name));
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for forms
    <div
      ref={place}
      class="lanes"
      role="group"
      aria-label="Lanes"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
    >
      <ul class="lane-names" style={{ width: `${frame.gutter}px` }} aria-hidden="true">
        {runs.map(({ model, color }, i) => (
          <li key={model.name} style={{ height: `${LANE_HEIGHT}px` }} title={model.name}>
            <span class="swatch" style={{ background: color }} />
            <bdi>{names[i]}</bdi>
          </li>
        ))}
      </ul>
      <PlotView
        frame={frame}
        content={content}
        width={width}
        height={runs.length * LANE_HEIGHT + PADDING}
        label={`Checkpoints and decisions of ${plural(runs.length, 'run')}, one lane per run. The table below lists them.`}
        events={events}
      />
    </div>
  );
}
