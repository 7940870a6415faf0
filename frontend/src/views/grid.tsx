/** The grid of checkpoints: one tab stop, with an active cell inside; only rows in view exist. */
import { useComputed } from '@preact/signals';
import type { Checkpoint } from '../model/run';
import { targetKey } from '../model/target';
import { useStore } from '../state/context';
import { tableColumns, tableTracks } from './columns';
import { GridRow, HeaderRow, ROW_HEIGHT } from './grid-rows';
import { useGridCursor } from './use-grid-cursor';
import { useGridScroll } from './use-grid-scroll';
import { isNarrow, viewport } from './viewport';

export function Grid({ rows }: { rows: readonly Checkpoint[] }) {
  const store = useStore();
  const scroll = useGridScroll(rows, store.sort.value);
  const narrow = isNarrow(viewport.value);
  const columns = useComputed(() => tableColumns(store, isNarrow(viewport.value))).value;
  const selectedKey = useComputed(() => {
    const { selection } = store.link.value;
    return selection && targetKey(selection);
  }).value;
  const hoverKey = useComputed(() => store.hover.value && targetKey(store.hover.value));
  const cursor = useGridCursor({ rows, columns, selectedKey, scroll });
  const { tracks, minWidth } = tableTracks(columns);
  const { first, end } = scroll;
  return (
    <div
      ref={scroll.place}
      id="checkpoint-grid"
      class={narrow ? 'grid narrow' : 'grid'}
      role="grid"
      tabIndex={0}
      aria-label="Checkpoints, one per row"
      aria-rowcount={rows.length + 1}
      aria-colcount={columns.length}
      aria-activedescendant={cursor.cellId}
      style={{ '--tracks': tracks, '--table-width': `${minWidth}px` }}
      onKeyDown={cursor.onKeyDown}
      onScroll={scroll.onScroll}
      onMouseLeave={() => {
        store.hover.value = null;
      }}
    >
      <HeaderRow
        columns={columns}
        active={cursor.inHeadings ? cursor.column : -1}
        onSort={cursor.sortBy}
      />
      <div class="grid-body" role="rowgroup" style={{ height: `${rows.length * ROW_HEIGHT}px` }}>
        {rows.slice(first, end).map((row, i) => (
          <GridRow
            key={row.key}
            row={row}
            index={first + i}
            columns={columns}
            selected={row.key === selectedKey}
            hoverKey={hoverKey}
            activeColumn={first + i === cursor.row ? cursor.column : -1}
            onPick={() => cursor.pick(row)}
            onHover={() => {
              store.hover.value = row.target;
            }}
          />
        ))}
      </div>
    </div>
  );
}
