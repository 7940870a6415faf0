/** How far the weights are apart, layer by layer or variable by variable. */
import { useState } from 'preact/hooks';
import type { Diff } from '../api/types';
import { downloadText } from '../host/download';
import {
  amount,
  type ChangeColumn,
  type ChangeRow,
  type ChangeSort,
  largest,
  layerRows,
  sortChanges,
  variableRows,
} from '../model/compare';
import { changesCsv } from '../model/export';
import { formatBytes, formatInteger, formatMetric, formatPercent, plural } from '../model/format';
import type { Checkpoint } from '../model/run';
import { type SpreadPair, together } from '../model/spread';
import { useStore } from '../state/context';
import { FailureText } from './failure-text';
import { Icon } from './icon';
import { SpreadStrip } from './spread-strip';
import { useDiff } from './use-diff';

/** So many rows are shown; a file takes them all. */
const SHOWN = 500;

export function WeightChanges({ a, b }: { a: Checkpoint; b: Checkpoint }) {
  const { comparison, stop, goOn } = useDiff(a.target, b.target);
  // Here, so that they outlive a pair whose comparison is refused.
  const byVariable = useState(false);
  const sort = useState<ChangeSort>({ column: 'relative', descending: true });
  const { state, diff, stale, failure } = comparison;
  const reading = state === 'reading';
  return (
    <section class="weights" aria-label="Weights">
      <h3>Weights</h3>
      {state !== 'done' && (
        <div class="reading">
          {diff && !stale && <Progress diff={diff} stopped={!reading} />}
          {reading && (!diff || stale) && (
            <>
              <span class="spinner" /> Comparing the files…
            </>
          )}
          <button type="button" class="button small" onClick={reading ? stop : goOn}>
            {reading ? 'Stop' : state === 'stopped' ? 'Continue' : 'Try again'}
          </button>
        </div>
      )}
      {failure && <FailureText failure={failure} />}
      {diff && (
        <div class={stale ? 'weights stale' : 'weights'} aria-busy={stale}>
          <Changes diff={diff} rowsBy={byVariable} sortBy={sort} />
        </div>
      )}
    </section>
  );
}

/** How far it has come. Variables say more than bytes, which move while a large one is read. */
function Progress({ diff, stopped }: { diff: Diff; stopped: boolean }) {
  const { compared, variables, read_bytes, total_bytes } = diff.progress;
  const bytes = `${formatBytes(read_bytes)} of ${formatBytes(total_bytes)}`;
  const text = `${formatInteger(compared)} of ${plural(variables, 'variable')}, ${bytes}`;
  return (
    <>
      <progress aria-label="Bytes compared" value={read_bytes} max={total_bytes} />
      <span>
        {stopped ? 'Stopped after ' : ''}
        {text}
      </span>
    </>
  );
}

type State<T> = readonly [T, (next: T) => void];

interface ChangesProps {
  readonly diff: Diff;
  readonly rowsBy: State<boolean>;
  readonly sortBy: State<ChangeSort>;
}

function Changes({ diff, rowsBy: [byVariable, setByVariable], sortBy }: ChangesProps) {
  const rows = byVariable ? variableRows(diff) : layerRows(diff);
  const title = byVariable ? 'Variable' : 'Layer';
  return (
    <>
      {diff.sentence && <p class="why">{diff.sentence}</p>}
      {diff.notes.map((note) => (
        <p key={note} class="note">
          {note}
        </p>
      ))}
      <Only names={diff.only_in_a} side="A" />
      <Only names={diff.only_in_b} side="B" />
      <div class="change-options">
        <div class="segments" role="radiogroup" aria-label="Rows">
          {[false, true].map((value) => (
            <label key={String(value)} class="segment">
              <input
                type="radio"
                name="rows"
                class="visually-hidden"
                checked={byVariable === value}
                onChange={() => setByVariable(value)}
              />
              <span>{value ? 'Variables' : 'Layers'}</span>
            </label>
          ))}
        </div>
        <button
          type="button"
          class="button"
          onClick={() => downloadText('comparison.csv', 'text/csv', changesCsv(rows))}
        >
          CSV
        </button>
      </div>
      <ChangeTable rows={rows} title={title} sortBy={sortBy} />
    </>
  );
}

function Only({ names, side }: { names: readonly string[]; side: 'A' | 'B' }) {
  if (names.length === 0) return null;
  return (
    <p class="note">
      Only in {side}: {names.slice(0, 8).join(', ')}
      {names.length > 8 ? ` and ${names.length - 8} more` : ''}
    </p>
  );
}

const COLUMNS: readonly [ChangeColumn, string, boolean][] = [
  ['relative', 'Change ‖B−A‖ ∕ ‖A‖', true],
  ['cosine', 'Cosine', false],
  ['maxAbs', 'Largest |Δ|', true],
];

interface ChangeTableProps {
  readonly rows: readonly ChangeRow[];
  readonly title: string;
  readonly sortBy: State<ChangeSort>;
}

function ChangeTable({ rows, title, sortBy: [sort, setSort] }: ChangeTableProps) {
  const { announcement } = useStore();
  const sorted = sortChanges(rows, sort);
  const most = largest(rows);
  const heading = (column: ChangeColumn, label: string, descendingFirst: boolean) => {
    const active = sort.column === column;
    const order = sort.descending ? 'descending' : 'ascending';
    const choose = () => {
      const descending = active ? !sort.descending : descendingFirst;
      setSort({ column, descending });
      announcement.value = `Sorted by ${label}, ${descending ? 'descending' : 'ascending'}.`;
    };
    return (
      <th
        scope="col"
        key={column}
        aria-sort={active ? order : 'none'}
        class={column === 'cosine' || column === 'maxAbs' ? 'numeric' : ''}
      >
        <button type="button" onClick={choose}>
          {label}
          {active && <Icon name={sort.descending ? 'down' : 'up'} />}
        </button>
      </th>
    );
  };
  return (
    <div class="changes" role="region" aria-label={`${title}s, sortable`} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {heading('name', title, false)}
            <th scope="col">{title === 'Layer' ? 'Variables' : 'Shape'}</th>
            {COLUMNS.map((column) => heading(...column))}
            <th scope="col">Values of A and B</th>
          </tr>
        </thead>
        <tbody>
          {sorted.slice(0, SHOWN).map((row) => (
            <Row key={row.name} row={row} most={most} />
          ))}
        </tbody>
      </table>
      {sorted.length > SHOWN && (
        <p class="muted">and {plural(sorted.length - SHOWN, 'row')} more, all in the CSV</p>
      )}
    </div>
  );
}

/** One above the other, in one scale. */
function Spreads({ pair }: { pair: SpreadPair }) {
  const all = together(pair);
  if (all === null) return null;
  return (
    <>
      {pair.map((spread, side) => (
        <span key={side} class="spread-side">
          <span class="muted">{side === 0 ? 'A' : 'B'}</span>
          {spread === null ? (
            <span class="muted">not recorded</span>
          ) : (
            <SpreadStrip spread={spread} from={all.min} to={all.max} />
          )}
        </span>
      ))}
    </>
  );
}

function changeText({ relative, atLeast }: ChangeRow): string {
  if (relative === 'Infinity') return 'from zero';
  if (relative !== null) return formatPercent(relative);
  return atLeast === null ? 'unknown' : `at least ${formatPercent(atLeast)}`;
}

function Row({ row, most }: { row: ChangeRow; most: number }) {
  const size = amount(row);
  const share = size > 0 ? Math.min(1, most > 0 ? size / most : 1) : 0;
  return (
    <tr>
      <th scope="row">
        <bdi>{row.name}</bdi>
        {row.optimizer && <span class="chip">optimizer</span>}
      </th>
      <td class="muted">{row.note || row.size}</td>
      <td class="change">
        <span
          class={row.relative === null ? 'bar least' : 'bar'}
          style={{ width: `${(100 * share).toFixed(1)}%` }}
        />
        <span class="change-text">{changeText(row)}</span>
      </td>
      <td class="numeric">{formatMetric(row.cosine)}</td>
      <td class="numeric">{formatMetric(row.maxAbs)}</td>
      <td class="spreads">
        <Spreads pair={row.spreads} />
      </td>
    </tr>
  );
}
