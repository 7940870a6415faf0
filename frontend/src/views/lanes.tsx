/** One lane per run below the charts, with every checkpoint and every decision that did something. */
import type { ReadonlySignal } from '@preact/signals';
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

export function Lanes({ frame, content, width, events }: Props) {
  const { shownRuns } = useStore();
  const runs = shownRuns.value;
  if (runs.length === 0) return null;
  return (
    <div class="lanes">
      <ul class="lane-names" style={{ width: `${frame.gutter}px` }} aria-hidden="true">
        {runs.map(({ model, color }) => (
          <li key={model.name} style={{ height: `${LANE_HEIGHT}px` }} title={model.name}>
            <span class="swatch" style={{ background: color }} />
            <bdi>{model.name}</bdi>
          </li>
        ))}
      </ul>
      <PlotView
        frame={frame}
        content={content}
        width={width}
        height={runs.length * LANE_HEIGHT + PADDING}
        label={`Checkpoints and decisions of ${runs.length} runs, one lane per run. The table below lists them.`}
        events={events}
      />
    </div>
  );
}
