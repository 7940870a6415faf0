/** What the charts show: metric, which end of it is best, x axis, scale, and on narrow pages the runs. */
import type { Direction } from '../api/types';
import { viewAddress } from '../host/link';
import { AXES, AXIS_LABEL } from '../model/axis';
import { metricLabel } from '../model/metrics';
import { useStore } from '../state/context';
import { ChartSettings } from './chart-settings';
import { CopyButton } from './copy-button';
import { LiveMenu } from './live-menu';
import { RunMenu } from './run-menu';
import { Shortcuts } from './shortcuts';
import { isNarrow, viewport } from './viewport';

export function Toolbar() {
  const store = useStore();
  const { axis, zoom } = store.link.value;
  const narrow = isNarrow(viewport.value);
  return (
    <header class="toolbar">
      <h1 class="visually-hidden">Checkpoints</h1>
      {narrow && <RunMenu />}
      <MetricSelect />
      <DirectionSelect />
      <div class="segments" role="radiogroup" aria-label="Horizontal axis">
        {AXES.map((value) => (
          <label key={value} class="segment">
            <input
              type="radio"
              name="axis"
              class="visually-hidden"
              checked={axis === value}
              onChange={() => store.change({ axis: value, zoom: null })}
            />
            <span>{AXIS_LABEL[value]}</span>
          </label>
        ))}
      </div>
      <ChartSettings />
      <div class="toolbar-end">
        <WhatIfButton />
        <LiveMenu />
        <StoryButton />
        {zoom !== null && (
          <button type="button" class="button" onClick={() => store.change({ zoom: null })}>
            Show all
          </button>
        )}
        <CopyButton text={viewAddress} label="Copy the link to this view" caption="" icon="link" />
        <Shortcuts />
      </div>
    </header>
  );
}

/** Opens the story of a run. */
function StoryButton() {
  const { change, link } = useStore();
  const { why } = link.value;
  return (
    <PaneButton
      label="Story"
      title="What was decided, and why"
      open={why !== null}
      toggle={(run) => change({ why: why === null ? run : null, whatIf: null })}
    />
  );
}

/** Replays other settings for a run. */
function WhatIfButton() {
  const { change, link } = useStore();
  const { whatIf } = link.value;
  return (
    <PaneButton
      label="What if"
      title="What other settings would have done"
      open={whatIf !== null}
      toggle={(run) =>
        change({ whatIf: whatIf === null ? { run, settings: {} } : null, why: null })
      }
    />
  );
}

interface PaneButtonProps {
  readonly label: string;
  readonly title: string;
  readonly open: boolean;
  readonly toggle: (run: string) => void;
}

/** Opens a pane for the run that is selected, else for the first that is shown. */
function PaneButton({ label, title, open, toggle }: PaneButtonProps) {
  const { link, shownModels } = useStore();
  const run = link.value.selection?.run ?? shownModels.value[0]?.name;
  if (run === undefined) return null;
  return (
    <button
      type="button"
      class="button"
      aria-pressed={open}
      title={title}
      onClick={() => toggle(run)}
    >
      {label}
    </button>
  );
}

function MetricSelect() {
  const store = useStore();
  const choice = store.choice.value;
  return (
    <label class="field metric">
      <span>Metric</span>
      <select
        value={choice?.key ?? ''}
        disabled={choice === null}
        onChange={(event) => store.change({ metric: event.currentTarget.value, direction: null })}
      >
        {store.choices.value.map((item) => (
          <option key={item.key} value={item.key}>
            {metricLabel(item)}
          </option>
        ))}
      </select>
    </label>
  );
}

function DirectionSelect() {
  const store = useStore();
  return (
    <label class="field">
      <span>best is</span>
      <select
        value={store.direction.value}
        onChange={(event) => store.change({ direction: event.currentTarget.value as Direction })}
      >
        <option value="min">lowest</option>
        <option value="max">highest</option>
      </select>
    </label>
  );
}
