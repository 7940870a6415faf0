/** Above the table: what it shows, how many rows that leaves, and taking them away as a file. */
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { formatInteger, plural } from '../model/format';
import type { StatusFilter } from '../model/rows';
import { STATUS_LABEL } from '../model/words';
import { useStore } from '../state/context';
import type { Column } from './columns';
import { zoomLabel } from './describe';
import { Icon } from './icon';
import { lazyPart } from './lazy-part';
import { Menu } from './menu';

const ColumnChoice = lazyPart(() => import('./table-menus').then((part) => part.ColumnChoice));
const ExportChoice = lazyPart(() => import('./table-menus').then((part) => part.ExportChoice));

const AverageDialog = lazyPart(() => import('./average-dialog').then((part) => part.AverageDialog));
const PruneDialog = lazyPart(() => import('./prune-dialog').then((part) => part.PruneDialog));

const CHOICES: [StatusFilter, string][] = [
  ['all', 'All statuses'],
  ['best', 'Best only'],
  ['restorable', 'Restorable'],
  ...(Object.entries(STATUS_LABEL) as [StatusFilter, string][]),
];

interface Props {
  readonly columns: readonly Column[];
  readonly metrics: readonly string[];
  readonly severalRuns: boolean;
}

export function TableFilters({ columns, metrics, severalRuns }: Props) {
  const { change, link, rows, allRows } = useStore();
  const { text, status } = link.value.rowFilter;
  const total = allRows.value.length;
  const left = rows.value.length;
  return (
    <div class="table-filters">
      <div class="input-with-icon">
        <Icon name="search" />
        <input
          type="search"
          id="table-filter"
          placeholder="Filter: run, epoch 12, reason, file"
          aria-label="Filter checkpoints"
          value={text}
          onInput={(event) => change({ rowFilter: { text: event.currentTarget.value, status } })}
        />
      </div>
      <select
        aria-label="Status"
        value={status}
        onChange={(event) =>
          change({ rowFilter: { text, status: event.currentTarget.value as StatusFilter } })
        }
      >
        {CHOICES.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
      <ZoomChip />
      <Marked />
      <span class="muted count" role="status">
        {left === total
          ? plural(total, 'checkpoint')
          : `${formatInteger(left)} of ${plural(total, 'checkpoint')}`}
      </span>
      <OpensDialog label="Prune…">{(onClose) => <PruneDialog onClose={onClose} />}</OpensDialog>
      <Menu label="Columns" toLeft>
        {() => <ColumnChoice columns={columns} metrics={metrics} severalRuns={severalRuns} />}
      </Menu>
      <Menu label="Export" toLeft>
        {(close) => <ExportChoice metrics={metrics} onDone={close} />}
      </Menu>
    </div>
  );
}

/** The zoom of the charts is a filter of the table: it says so, and can be taken away here, too. */
function ZoomChip() {
  const store = useStore();
  const { zoom, axis } = store.link.value;
  if (zoom === null) return null;
  return (
    <button
      type="button"
      class="button chip-button"
      title="Show all again"
      onClick={() => store.change({ zoom: null })}
    >
      {zoomLabel(axis, zoom)}
      <Icon name="close" />
    </button>
  );
}

/** What can be done with the marked rows. */
function Marked() {
  const store = useStore();
  const rows = store.markedRows.value;
  const [a, b, ...more] = rows;
  if (a === undefined) return null;
  const pair = b !== undefined && more.length === 0;
  return (
    <span class="marked">
      <strong>{formatInteger(rows.length)} marked</strong>
      <button
        type="button"
        class="button small"
        aria-disabled={!pair}
        title={pair ? undefined : 'Mark two checkpoints to compare them'}
        onClick={() => pair && store.change({ compare: [a.target, b.target] })}
      >
        Compare
      </button>
      <OpensDialog
        label="Average…"
        small
        why={
          b === undefined || rows.some(({ run }) => run !== a.run)
            ? 'Mark two checkpoints or more of one run to average them'
            : undefined
        }
      >
        {(onClose) => <AverageDialog onClose={onClose} />}
      </OpensDialog>
      <button type="button" class="button small" onClick={() => (store.marked.value = new Set())}>
        Clear
      </button>
    </span>
  );
}

interface OpensDialogProps {
  readonly label: string;
  readonly small?: boolean;
  /** Why it cannot be done now. */
  readonly why?: string | undefined;
  readonly children: (onClose: () => void) => ComponentChildren;
}

function OpensDialog({ label, small = false, why, children }: OpensDialogProps) {
  const [open, setOpen] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  const onClose = () => {
    setOpen(false);
    opener.current?.focus();
  };
  return (
    <>
      <button
        ref={opener}
        type="button"
        class={small ? 'button small' : 'button'}
        aria-disabled={why !== undefined}
        title={why}
        onClick={() => why === undefined && setOpen(true)}
      >
        {label}
      </button>
      {open && children(onClose)}
    </>
  );
}
