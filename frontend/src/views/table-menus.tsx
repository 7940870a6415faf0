/** What opens from the buttons above the table: its columns, and the table as a file. Loaded when needed. */
import { downloadText } from '../host/download';
import { allColumns, type ColumnId, metricOfColumn } from '../model/columns';
import { toCsv, toJson } from '../model/export';
import { plural } from '../model/format';
import { useStore } from '../state/context';
import type { Column } from './columns';
import { columnLabel } from './columns';

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

/** The rows as they are listed, with all that the table could show of them. */
export function ExportChoice({ metrics, onDone }: ExportProps) {
  const { rows, announcement } = useStore();
  const count = plural(rows.value.length, 'checkpoint');
  return (
    <div class="export-choice">
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
