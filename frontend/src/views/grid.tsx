/** The grid of checkpoints: one tab stop, with an active cell inside; only rows in view exist. */
import { useComputed } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { Checkpoint } from '../model/run';
import { targetKey } from '../model/target';
import { useStore } from '../state/context';
import type { Column } from './columns';
import { GridRow, HeaderRow, ROW_HEIGHT } from './grid-rows';
import { toggleMarks } from './mark-box';
import { useGridCursor } from './use-grid-cursor';
import { useGridScroll } from './use-grid-scroll';

interface Props {
  readonly rows: readonly Checkpoint[];
  readonly columns: readonly Column[];
}

/** The row of the grid that an event happened in. */
function rowOf(event: Event, rows: readonly Checkpoint[]): Checkpoint | undefined {
  const row = event.target instanceof Element && event.target.closest('[aria-selected]');
  return row ? rows[Number(row.getAttribute('aria-rowindex')) - 2] : undefined;
}

export function Grid({ rows, columns }: Props) {
  const store = useStore();
  const sort = useComputed(() => store.link.value.sort).value;
  const scroll = useGridScroll(rows, sort);
  const selectedKey = useComputed(() => {
    const { selection } = store.link.value;
    return selection && targetKey(selection);
  }).value;
  const hoverKey = useComputed(() => store.hover.value && targetKey(store.hover.value));
  const cursor = useGridCursor({
    rows,
    columns,
    selectedKey,
    scroll,
    mark: (row) => toggleMarks(store, [row]),
  });
  const tracks = columns.map(({ width }) => `${width}px`).join(' ');
  const width = columns.reduce((sum, column) => sum + column.width, 0);
  const { first, end } = scroll;
  const onRow = (act: (row: Checkpoint) => void) => (event: Event) => {
    const row = rowOf(event, rows);
    if (row !== undefined) act(row);
  };
  const marking = useRef<Checkpoint | null>(null);
  /** With Shift all from the one marked last; a range is marked, never taken away. */
  const mark = (row: Checkpoint, range: boolean) => {
    const from = range ? scroll.placeOf(marking.current?.key ?? '') : undefined;
    const to = scroll.placeOf(row.key) ?? 0;
    const between =
      from === undefined ? [row] : rows.slice(Math.min(from, to), Math.max(from, to) + 1);
    const marks = store.marked.peek();
    toggleMarks(store, between.length > 1 ? between.filter((r) => !marks.has(r.key)) : between);
    marking.current = row;
  };
  const onClick = (event: MouseEvent) =>
    onRow((row) => {
      const cell = event.target instanceof Element ? event.target.closest('[role=gridcell]') : null;
      if (cell?.getAttribute('aria-colindex') === '1') mark(row, event.shiftKey);
      else cursor.pick(row);
    })(event);
  const point = onRow((row) => {
    if (row.key !== hoverKey.peek() && !scroll.isMoving()) store.hover.value = row.target;
  });
  return (
    <div
      ref={scroll.place}
      id="checkpoint-grid"
      class="grid"
      role="grid"
      tabIndex={0}
      aria-label="Checkpoints, one per row"
      aria-rowcount={rows.length + 1}
      aria-colcount={columns.length}
      aria-activedescendant={cursor.cellId}
      style={{ '--tracks': tracks, '--table-width': `${width}px` }}
      onKeyDown={cursor.onKeyDown}
      onScroll={scroll.onScroll}
      onPointerLeave={() => (store.hover.value = null)}
    >
      <HeaderRow
        columns={columns}
        sort={sort}
        active={cursor.inHeadings ? cursor.column : -1}
        onSort={cursor.sortBy}
      />
      <div
        class="grid-body"
        role="rowgroup"
        style={{ height: `${rows.length * ROW_HEIGHT}px` }}
        onClick={onClick}
        onPointerOver={point}
        onPointerMove={point}
      >
        {rows.slice(first, end).map((row, i) => (
          <GridRow
            key={row.key}
            row={row}
            index={first + i}
            columns={columns}
            selected={row.key === selectedKey}
            hoverKey={hoverKey}
            activeColumn={first + i === cursor.row ? cursor.column : -1}
          />
        ))}
      </div>
    </div>
  );
}
