/** Search, and the runs by folder: a checkbox for each, with TensorBoard's colour and the run's state. */
import { useComputed } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import type { RunSummary } from '../api/types';
import { fitRun } from '../host/fit-text';
import { formatAgo, formatEpoch, formatTime, plural } from '../model/format';
import { originRun } from '../model/lineage';
import { isShown, matchesSearch, showOnly, toggleRun } from '../model/run-filter';
import { groupRuns } from '../model/run-groups';
import { useStore } from '../state/context';
import { Icon } from './icon';

export function RunList() {
  const store = useStore();
  const summaries = new Map(store.summaries.value.map((summary) => [summary.run, summary]));
  const search = store.railSearch.value;
  const listed = [...summaries.keys()].filter(matchesSearch(search));
  const filter = store.link.value.runs;
  const item = (run: string, name: string) => {
    const summary = summaries.get(run);
    return summary && <RunItem key={run} summary={summary} name={name} />;
  };
  return (
    <div class="runs">
      <div class="input-with-icon">
        <Icon name="search" />
        <input
          type="search"
          placeholder="Filter runs"
          aria-label="Filter runs by text or regular expression"
          value={search}
          onInput={(event) => (store.railSearch.value = event.currentTarget.value)}
        />
      </div>
      <ShowAll class="run-all" names={listed}>
        <span>
          {listed.filter((run) => isShown(filter, run)).length} of {plural(listed.length, 'run')}{' '}
          shown
        </span>
      </ShowAll>
      {listed.length === 0 && <p class="muted">No run matches.</p>}
      <ul>
        {groupRuns(listed).map(({ folder, names }) =>
          folder === null ? (
            names.map((run) => item(run, run))
          ) : (
            <Group key={`${folder}/`} folder={folder} names={names}>
              {names.map((run) => item(run, run.slice(folder.length + 1)))}
            </Group>
          ),
        )}
      </ul>
    </div>
  );
}

interface ShowProps {
  readonly names: readonly string[];
  readonly label?: string;
  readonly class?: string;
  readonly children: ComponentChildren;
}

/** Shows or hides several runs at once. */
function ShowAll({ names, label, class: name, children }: ShowProps) {
  const { change, link, summaries } = useStore();
  const filter = link.value.runs;
  const shown = names.filter((run) => isShown(filter, run)).length;
  const show = (wanted: boolean) => {
    const all = summaries.value.map(({ run }) => run);
    const next = new Set(all.filter((run) => isShown(filter, run)));
    for (const run of names) {
      if (wanted) next.add(run);
      else next.delete(run);
    }
    change({ runs: showOnly(next, all) });
  };
  return (
    <label class={name}>
      <input
        type="checkbox"
        aria-label={label}
        checked={shown === names.length && shown > 0}
        indeterminate={shown > 0 && shown < names.length}
        disabled={names.length === 0}
        onChange={(event) => show(event.currentTarget.checked)}
      />
      {children}
    </label>
  );
}

/** What the list leaves for a name, in the rail and in the menu of narrow pages. */
const NAME_PX = 140;
const FOLDER_PX = 96;

interface GroupProps {
  readonly folder: string;
  readonly names: readonly string[];
  readonly children: ComponentChildren;
}

/** A folder of runs. A search opens all of them. */
function Group({ folder, names, children }: GroupProps) {
  const { foldedGroups, link, models, railSearch } = useStore();
  const list = useId();
  const open = railSearch.value !== '' || !foldedGroups.value.has(folder);
  const shown = names.filter((run) => isShown(link.value.runs, run)).length;
  const live = names.some((run) => models.value.get(run)?.timeline.state === 'running');
  const toggle = () => {
    const next = new Set(foldedGroups.value);
    if (!next.delete(folder)) next.add(folder);
    foldedGroups.value = next;
  };
  return (
    <li class="run-group">
      <div class="run-group-head" title={folder}>
        <button
          type="button"
          class="icon-button"
          aria-expanded={open}
          aria-controls={list}
          aria-label={`Runs in ${folder}`}
          onClick={toggle}
        >
          <Icon name={open ? 'chevron' : 'right'} />
        </button>
        <ShowAll names={names} label={`Show all runs in ${folder}`}>
          <bdi class="run-name">{fitRun(folder, FOLDER_PX)}</bdi>
          {live && !open && <span class="live">live</span>}
          <span class="muted">
            {shown}/{names.length}
          </span>
        </ShowAll>
      </div>
      <ul id={list} hidden={!open}>
        {open && children}
      </ul>
    </li>
  );
}

interface ItemProps {
  readonly summary: RunSummary;
  /** As it is listed: without the folder that stands above. */
  readonly name: string;
}

function RunItem({ summary, name }: ItemProps) {
  const store = useStore();
  const { run, last_wall_time } = summary;
  const filter = store.link.value.runs;
  const error = store.runErrors.value.has(run);
  const toggle = () => {
    const all = store.summaries.value.map((item) => item.run);
    store.change({ runs: toggleRun(filter, run, all) });
  };
  return (
    <li class="run-item">
      <label class="run" title={`${run}\nlast wrote ${formatTime(last_wall_time)}`}>
        <input type="checkbox" checked={isShown(filter, run)} onChange={toggle} aria-label={run} />
        <span class="swatch" style={{ background: store.color(run) }} />
        <span class="run-text">
          <bdi class="run-name">{fitRun(name, NAME_PX)}</bdi>
          <span class={error ? 'run-state bad' : 'run-state'}>
            {error ? 'cannot be read' : <RunState summary={summary} />}
          </span>
        </span>
      </label>
    </li>
  );
}

function RunState({ summary: { run, last_wall_time } }: { summary: RunSummary }) {
  const { lineage, models } = useStore();
  const ago = <Ago key={last_wall_time} wallTime={last_wall_time} />;
  const model = models.value.get(run);
  if (model === undefined) return <>last wrote {ago}</>;
  const { state, history } = model.timeline;
  const last = history.epoch.at(-1);
  const epoch = last === undefined ? '' : `epoch ${formatEpoch(last)} · `;
  const origin = originRun(model, lineage.value);
  return (
    <>
      {state === 'running' && <span class="live">live</span>} {epoch}
      {state === 'ended' ? 'ended' : ago}
      {origin !== null && (
        <span class="origin" title={`Continues a training of ${origin}`}>
          <Icon name="from" /> <bdi>{fitRun(origin, NAME_PX - 20, 12)}</bdi>
        </span>
      )}
    </>
  );
}

/** Its text changes with the clock of the answers, without drawing the list anew. */
function Ago({ wallTime }: { wallTime: number }) {
  const { answeredAt } = useStore();
  return <>{useComputed(() => formatAgo((answeredAt.value ?? 0) - wallTime))}</>;
}
