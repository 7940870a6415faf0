/** What opens from the buttons above the table: its columns, and the table as a file. Loaded when needed. */
import { useState } from 'preact/hooks';
import { downloadText } from '../host/download';
import { allColumns, type ColumnId, metricOfColumn } from '../model/columns';
import { toCsv, toJson } from '../model/export';
import { plural } from '../model/format';
import { usePanel, useStore } from '../state/context';
import type { Column } from './columns';
import { columnLabel } from './columns';
import { FailureText } from './failure-text';
import { type Failure, toFailure } from './use-request';

interface ColumnProps {
  readonly columns: readonly Column[];
  readonly metrics: readonly string[];
  readonly severalRuns: boolean;
}

export function ColumnChoice({ columns, metrics, severalRuns }: ColumnProps) {
  const { change, link } = useStore();
  const shown = new Set(columns.map(({ id }) => id));
  const all = allColumns(metrics, severalRuns);
  const toggle = (id: ColumnId) => {
    const next = all.filter((other) => (other === id ? !shown.has(id) : shown.has(other)));
    if (next.length > 0) change({ columns: next });
  };
  const groups: [string, ColumnId[]][] = [
    ['Checkpoint', all.filter((id) => metricOfColumn(id) === null)],
    ['Metrics', all.filter((id) => id.startsWith('metric:'))],
    ['Distance from the best', all.filter((id) => id.startsWith('delta:'))],
  ];
  return (
    <div class="column-choice">
      {groups.map(([title, ids]) =>
        ids.length === 0 ? null : (
          <fieldset key={title}>
            <legend>{title}</legend>
            {ids.map((id) => (
              <label key={id} class="check">
                <input type="checkbox" checked={shown.has(id)} onChange={() => toggle(id)} />
                <bdi>{columnLabel(id)}</bdi>
              </label>
            ))}
          </fieldset>
        ),
      )}
      <button
        type="button"
        class="button small"
        aria-disabled={link.value.columns === null}
        onClick={() => change({ columns: null })}
      >
        Those that fit
      </button>
    </div>
  );
}

const FORMATS = [
  ['CSV', 'csv', 'text/csv', toCsv],
  ['JSON', 'json', 'application/json', toJson],
] as const;

interface ExportProps {
  readonly metrics: readonly string[];
  readonly onDone: () => void;
}

/** A run as one HTML file: its curves, what happened and why, and its checkpoints. */
function Reports({ runs, onDone }: { runs: readonly string[]; onDone: () => void }) {
  const { api, store } = usePanel();
  const [run, setRun] = useState(store.link.value.selection?.run ?? runs[0] ?? '');
  const [failure, setFailure] = useState<Failure | null>(null);
  if (runs.length === 0) return null;
  const save = async () => {
    try {
      downloadText(`${run.replaceAll('/', '-')}.html`, 'text/html', await api.report(run));
      store.announcement.value = `The report of ${run} was saved.`;
      onDone();
    } catch (cause) {
      setFailure(toFailure(cause));
    }
  };
  return (
    <>
      <p class="muted">A run with its curves, as one HTML file</p>
      {runs.length > 1 && (
        <select
          aria-label="Run to report"
          value={run}
          onChange={({ currentTarget }) => setRun(currentTarget.value)}
        >
          {runs.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      )}
      <button type="button" class="button" onClick={save}>
        Report
      </button>
      {failure !== null && <FailureText failure={failure} />}
    </>
  );
}

/** The rows as they are listed, with all that the table could show of them. */
export function ExportChoice({ metrics, onDone }: ExportProps) {
  const { rows, announcement, shownModels } = useStore();
  const count = plural(rows.value.length, 'checkpoint');
  return (
    <div class="export-choice">
      <Reports runs={shownModels.value.map(({ name }) => name)} onDone={onDone} />
      <p class="muted">{count}, as filtered and sorted now</p>
      {FORMATS.map(([name, suffix, type, write]) => (
        <button
          key={name}
          type="button"
          class="button"
          onClick={() => {
            downloadText(`checkpoints.${suffix}`, type, write(rows.value, metrics));
            announcement.value = `${count} exported as ${name}.`;
            onDone();
          }}
        >
          {name}
        </button>
      ))}
    </div>
  );
}
