/** How the curves are drawn: smoothing, scale, outliers. Beside the axis, or in a menu on narrow pages. */
import { useComputed } from '@preact/signals';
import { MAX_SMOOTHING } from '../model/smooth';
import { useStore } from '../state/context';
import { Menu } from './menu';
import { isNarrow, viewport } from './viewport';

export function ChartSettings() {
  if (!isNarrow(viewport.value)) return <Settings />;
  return (
    <Menu label="View">
      {() => (
        <div class="view-choice">
          <Settings />
        </div>
      )}
    </Menu>
  );
}

function Settings() {
  const { change, link } = useStore();
  const { smoothing, logScale, ignoreOutliers } = link.value;
  return (
    <>
      <label class="field smoothing">
        <span>Smoothing</span>
        <input
          type="range"
          min={0}
          max={MAX_SMOOTHING}
          step={0.01}
          value={smoothing}
          onInput={(event) => change({ smoothing: event.currentTarget.valueAsNumber })}
        />
        <span class="smoothing-value" aria-hidden="true">
          {smoothing.toFixed(2)}
        </span>
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={logScale}
          onChange={(event) => change({ logScale: event.currentTarget.checked })}
        />
        Log scale
      </label>
      <label class="check" title="A few far values do not flatten the rest of the curves">
        <input
          type="checkbox"
          checked={ignoreOutliers}
          onChange={(event) => change({ ignoreOutliers: event.currentTarget.checked })}
        />
        Ignore outliers
      </label>
      <Branches />
    </>
  );
}

/** Only there where a training went back. */
function Branches() {
  const { change, link, shownModels } = useStore();
  const any = useComputed(() =>
    shownModels.value.some(({ pieces }) => pieces.some(({ abandoned }) => abandoned)),
  ).value;
  if (!any) return null;
  return (
    <label class="check" title="What a training left behind when it went back: faded, or not drawn">
      <input
        type="checkbox"
        checked={!link.value.stitched}
        onChange={(event) => change({ stitched: !event.currentTarget.checked })}
      />
      Branches
    </label>
  );
}
