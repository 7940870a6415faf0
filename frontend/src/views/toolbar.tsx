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

/** Opens the story of the run that is selected, else of the first that is shown. */
function StoryButton() {
  const { change, link, shownModels } = useStore();
  const { why, selection } = link.value;
  const run = selection?.run ?? shownModels.value[0]?.name;
  if (run === undefined) return null;
  return (
    <button
      type="button"
      class="button"
      aria-pressed={why !== null}
      title="What was decided, and why"
      onClick={() => change({ why: why === null ? run : null, whatIf: null })}
    >
      Story
    </button>
  );
}

/** Replays other settings for the run that is selected, else for the first that is shown. */
function WhatIfButton() {
  const { change, link, shownModels } = useStore();
  const { whatIf, selection } = link.value;
  const run = selection?.run ?? shownModels.value[0]?.name;
  if (run === undefined) return null;
  return (
    <button
      type="button"
      class="button"
      aria-pressed={whatIf !== null}
      title="What other settings would have done"
      onClick={() => change({ whatIf: whatIf === null ? { run, settings: {} } : null, why: null })}
    >
      What if
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
