/** The table of checkpoints: an ARIA grid of which only the rows in view exist. */
import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { rowsInView, scrollToRow } from '../layout/rows-in-view';
import type { Checkpoint } from '../model/run';
import { targetKey } from '../model/target';
import { useStore } from '../state/context';
import { NO_FILTER } from '../state/store';
import { type Column, tableColumns, tableTracks } from './columns';
import { Icon } from './icon';
import { TableFilters } from './table-filters';
import { isNarrow, viewport } from './viewport';

const ROW_HEIGHT = 32;
const HEADER = -1;

export function CheckpointTable({ height }: { height: number }) {
  const store = useStore();
  const rows = store.rows.value;
  const empty = rows.length === 0;
  return (
    <section class="table" aria-label="Table of checkpoints" style={{ flexBasis: `${height}px` }}>
      <TableFilters />
      {empty ? (
        <div class="no-match">
          {store.allRows.value.length === 0 ? (
            <p>No checkpoint in the shown runs yet.</p>
          ) : (
            <>
              <p>No checkpoint matches.</p>
              <button
                type="button"
                class="button"
                onClick={() => (store.rowFilter.value = NO_FILTER)}
              >
                Clear filters
              </button>
            </>
          )}
        </div>
      ) : (
        <Grid rows={rows} />
      )}
    </section>
  );
}

/** The place of each row, to find a selected or anchored one again. */
function useIndex(rows: readonly Checkpoint[]): ReadonlyMap<string, number> {
  return useMemo(() => new Map(rows.map((row, index) => [row.key, index])), [rows]);
}

/** Keeps the rows in view where they are when new ones arrive above them. */
function useScrollAnchor(
  scroller: { readonly current: HTMLElement | null },
  rows: readonly Checkpoint[],
  index: ReadonlyMap<string, number>,
  order: unknown,
) {
  const anchor = useRef({ key: '', offset: 0, order });
  useLayoutEffect(() => {
    const element = scroller.current;
    const { key, offset, order: before } = anchor.current;
    const at = index.get(key);
    if (element !== null && before === order && element.scrollTop > 0 && at !== undefined) {
      element.scrollTop = at * ROW_HEIGHT + offset;
    }
  }, [rows]);
  return (scrollTop: number) => {
    const first = Math.floor(scrollTop / ROW_HEIGHT);
    const offset = scrollTop - first * ROW_HEIGHT;
    anchor.current = { key: rows[first]?.key ?? '', offset, order };
  };
}

function Grid({ rows }: { rows: readonly Checkpoint[] }) {
  const store = useStore();
  const scroller = useRef<HTMLDivElement>(null);
  const scrollTop = useSignal(0);
  const viewHeight = useSignal(400);
  const activeKey = useSignal<string | null>(null);
  const activeColumn = useSignal(0);
  const inHeader = useSignal(false);
  const index = useIndex(rows);
  const narrow = isNarrow(viewport.value);
  const columns = useComputed(() => tableColumns(store, isNarrow(viewport.value))).value;
  const remember = useScrollAnchor(scroller, rows, index, store.sort.value);
  const selectedKey = useComputed(() => {
    const { selection } = store.link.value;
    return selection && targetKey(selection);
  }).value;
  const hoverKey = useComputed(() => store.hover.value && targetKey(store.hover.value)).value;

  const active = inHeader.value ? HEADER : (index.get(activeKey.value ?? '') ?? 0);
  const bodyHeight = () => (scroller.current?.clientHeight ?? 0) - ROW_HEIGHT;
  const reveal = (row: number) => {
    const element = scroller.current;
    if (element === null || row < 0) return;
    element.scrollTop = scrollToRow(row, ROW_HEIGHT, element.scrollTop, bodyHeight());
  };

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const measure = () => {
      if (element.clientHeight > 0) viewHeight.value = element.clientHeight;
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  // A selection made elsewhere (marker, link) is revealed once, when its row is there.
  const revealed = useRef<string | null>(null);
  useEffect(() => {
    if (selectedKey === null) revealed.current = null;
    const at = index.get(selectedKey ?? '');
    if (selectedKey === null || at === undefined || revealed.current === selectedKey) return;
    revealed.current = selectedKey;
    activeKey.value = selectedKey;
    inHeader.value = false;
    reveal(at);
  }, [selectedKey, index]);

  const sortBy = (column: Column) => {
    const { column: current, descending } = store.sort.value;
    const next = current === column.id ? !descending : column.descendingFirst;
    store.sort.value = { column: column.id, descending: next };
    store.announcement.value = `Sorted by ${column.heading}, ${next ? 'descending' : 'ascending'}.`;
    if (scroller.current) scroller.current.scrollTop = 0;
  };

  const moveTo = (row: number) => {
    const target = Math.min(rows.length - 1, row);
    inHeader.value = target < 0;
    if (target < 0) return;
    activeKey.value = rows[target]?.key ?? null;
    store.hover.value = rows[target]?.target ?? null;
    reveal(target);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor(bodyHeight() / ROW_HEIGHT) - 1);
    const moves: Record<string, () => void> = {
      ArrowDown: () => moveTo(active + 1),
      ArrowUp: () => moveTo(active - 1),
      PageDown: () => moveTo(Math.max(0, active) + page),
      PageUp: () => moveTo(Math.max(0, active - page)),
      Home: () => moveTo(0),
      End: () => moveTo(rows.length - 1),
      ArrowRight: () => {
        activeColumn.value = Math.min(columns.length - 1, activeColumn.value + 1);
      },
      ArrowLeft: () => {
        activeColumn.value = Math.max(0, activeColumn.value - 1);
      },
      Enter: () => open(),
      ' ': () => open(),
    };
    const move = moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    move();
  };
  const open = () => {
    const column = columns[Math.min(activeColumn.value, columns.length - 1)];
    if (inHeader.value) {
      if (column !== undefined) sortBy(column);
      return;
    }
    const row = rows[active];
    if (row === undefined) return;
    store.change({ selection: row.target });
    // The pane is built first, then gets the focus, so that it is read out.
    setTimeout(() => document.getElementById('details-title')?.focus());
  };

  const { first, end } = rowsInView(
    rows.length,
    ROW_HEIGHT,
    scrollTop.value,
    viewHeight.value,
  );
  const cellId = inHeader.value
    ? `head-${Math.min(activeColumn.value, columns.length - 1)}`
    : active >= first && active < end
      ? `cell-${active}-${Math.min(activeColumn.value, columns.length - 1)}`
      : undefined;

  const { tracks, minWidth } = tableTracks(columns);

  return (
    <div
      ref={scroller}
      id="checkpoint-grid"
      class={narrow ? 'grid narrow' : 'grid'}
      role="grid"
      tabIndex={0}
      aria-label="Checkpoints, one per row"
      aria-rowcount={rows.length + 1}
      aria-colcount={columns.length}
      aria-activedescendant={cellId}
      style={{ '--tracks': tracks, '--table-width': `${minWidth}px` }}
      onKeyDown={onKeyDown}
      onScroll={(event) => {
        scrollTop.value = event.currentTarget.scrollTop;
        remember(event.currentTarget.scrollTop);
      }}
      onMouseLeave={() => (store.hover.value = null)}
    >
      <HeaderRow columns={columns} active={inHeader.value ? activeColumn.value : -1} onSort={sortBy} />
      <div class="grid-body" role="rowgroup" style={{ height: `${rows.length * ROW_HEIGHT}px` }}>
        {rows.slice(first, end).map((row, i) => (
          <GridRow
            key={row.key}
            row={row}
            index={first + i}
            columns={columns}
            selected={row.key === selectedKey}
            hovered={row.key === hoverKey}
            activeColumn={first + i === active ? activeColumn.value : -1}
            onPick={() => {
              activeKey.value = row.key;
              inHeader.value = false;
              store.change({ selection: row.target });
            }}
            onHover={() => (store.hover.value = row.target)}
          />
        ))}
      </div>
    </div>
  );
}

interface HeaderProps {
  readonly columns: readonly Column[];
  readonly active: number;
  readonly onSort: (column: Column) => void;
}

function HeaderRow({ columns, active, onSort }: HeaderProps) {
  const { sort } = useStore();
  const { column: sorted, descending } = sort.value;
  const direction = descending ? 'descending' : 'ascending';
  return (
    <div class="grid-head" role="rowgroup">
      <div class="grid-row" role="row" aria-rowindex={1}>
        {columns.map((column, i) => (
          <div
            key={column.id}
            id={`head-${i}`}
            role="columnheader"
            aria-colindex={i + 1}
            aria-sort={column.id === sorted ? direction : 'none'}
            class={`cell${column.numeric ? ' numeric' : ''}${i === active ? ' active' : ''}`}
          >
            <button type="button" tabIndex={-1} title={column.heading} onClick={() => onSort(column)}>
              <span>{column.heading}</span>
              {column.id === sorted && <Icon name={descending ? 'down' : 'up'} />}
            </button>
          </div>
        ))}
      </div>
    </div>
  );
}

interface RowProps {
  readonly row: Checkpoint;
  readonly index: number;
  readonly columns: readonly Column[];
  readonly selected: boolean;
  readonly hovered: boolean;
  readonly activeColumn: number;
  readonly onPick: () => void;
  readonly onHover: () => void;
}

function GridRow({ row, index, columns, selected, hovered, activeColumn, ...on }: RowProps) {
  const state = `${selected ? ' selected' : ''}${hovered ? ' hovered' : ''}`;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: keys are handled by the grid, which has the focus
    <div
      class={`grid-row${state}${activeColumn >= 0 ? ' current' : ''} is-${row.status}`}
      role="row"
      // biome-ignore lint/a11y/useFocusableInteractive: the grid points at its row by aria-activedescendant
      aria-rowindex={index + 2}
      aria-selected={selected}
      style={{ transform: `translateY(${index * ROW_HEIGHT}px)` }}
      onClick={on.onPick}
      onMouseEnter={on.onHover}
    >
      {columns.map((column, i) => (
        <div
          key={column.id}
          id={`cell-${index}-${i}`}
          role="gridcell"
          aria-colindex={i + 1}
          title={column.id === 'why' ? row.why : undefined}
          class={`cell${column.numeric ? ' numeric' : ''}${i === activeColumn ? ' active' : ''}`}
        >
          {column.cell(row)}
        </div>
      ))}
    </div>
  );
}
