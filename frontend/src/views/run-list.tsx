/** Search, and a checkbox per run with TensorBoard's colour and the run's state. */
import { useComputed } from '@preact/signals';
import type { RunSummary } from '../api/types';
import { fitText } from '../host/fit-text';
import { formatAgo, formatEpoch, plural } from '../model/format';
import type { RunModel } from '../model/run';
import { isShown, matchesSearch, showOnly, toggleRun } from '../model/run-filter';
import { useStore } from '../state/context';
import { Icon } from './icon';

export function RunList() {
  const store = useStore();
  const names = useComputed(() => store.summaries.value.map(({ run }) => run)).value;
  const matches = matchesSearch(store.railSearch.value);
  const listed = store.summaries.value.filter(({ run }) => matches(run));
  const filter = store.link.value.runs;
  const shown = listed.filter(({ run }) => isShown(filter, run)).length;

  const showListed = (show: boolean) => {
    const next = new Set(names.filter((run) => isShown(filter, run)));
    for (const { run } of listed) {
      if (show) next.add(run);
      else next.delete(run);
    }
    store.change({ runs: showOnly(next, names) });
  };

  return (
    <div class="runs">
      <div class="input-with-icon">
        <Icon name="search" />
        <input
          type="search"
          placeholder="Filter runs"
          aria-label="Filter runs by text or regular expression"
          value={store.railSearch.value}
          onInput={(event) => (store.railSearch.value = event.currentTarget.value)}
        />
      </div>
      <label class="run-all">
        <input
          type="checkbox"
          checked={shown === listed.length && shown > 0}
          indeterminate={shown > 0 && shown < listed.length}
          disabled={listed.length === 0}
          onChange={(event) => showListed(event.currentTarget.checked)}
        />
        <span>
          {shown} of {plural(listed.length, 'run')} shown
        </span>
      </label>
      {listed.length === 0 && <p class="muted">No run matches.</p>}
      <ul>
        {listed.map((summary) => (
          <RunItem
            key={summary.run}
            summary={summary}
            shown={isShown(filter, summary.run)}
            model={store.models.value.get(summary.run)}
            now={store.answeredAt.value ?? 0}
            onToggle={() => store.change({ runs: toggleRun(filter, summary.run, names) })}
          />
        ))}
      </ul>
    </div>
  );
}

/** What the list leaves for a name, in the rail and in the menu of narrow pages. */
const NAME_PX = 148;

interface ItemProps {
  readonly summary: RunSummary;
  readonly shown: boolean;
  readonly model: RunModel | undefined;
  readonly now: number;
  readonly onToggle: () => void;
}

function RunItem({ summary, shown, model, now, onToggle }: ItemProps) {
  const store = useStore();
  const error = store.runErrors.value.get(summary.run);
  const color = store.color(summary.run);
  return (
    <li>
      <label class="run" title={summary.run}>
        <input type="checkbox" checked={shown} onChange={onToggle} aria-label={summary.run} />
        <span class="swatch" style={{ background: color }} />
        <span class="run-text">
          <bdi class="run-name">{fitText(summary.run, NAME_PX)}</bdi>
          <span class={error ? 'run-state bad' : 'run-state'}>
            {error ? 'cannot be read' : <RunStateText summary={summary} model={model} now={now} />}
          </span>
        </span>
      </label>
    </li>
  );
}

function RunStateText({ summary, model, now }: Omit<ItemProps, 'shown' | 'onToggle'>) {
  const ago = formatAgo(now - summary.last_wall_time);
  if (model === undefined) return <>last wrote {ago}</>;
  const { state, history } = model.timeline;
  const last = history.epoch.at(-1);
  const epoch = last === undefined ? '' : `epoch ${formatEpoch(last)} · `;
  if (state !== 'running') return <>{epoch + (state === 'ended' ? 'ended' : ago)}</>;
  return (
    <>
      <span class="live">live</span> {epoch}
      {ago}
    </>
  );
}
