/** The heading and the rows of the grid. Rows re-render alone when only their state changes. */
import { type ReadonlySignal, useComputed } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import type { Checkpoint } from '../model/run';
import { useStore } from '../state/context';
import type { Column } from './columns';
import { Icon } from './icon';

export const ROW_HEIGHT = 32;

interface HeaderProps {
  readonly columns: readonly Column[];
  readonly active: number;
  readonly onSort: (column: Column) => void;
}

export function HeaderRow({ columns, active, onSort }: HeaderProps) {
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
            <button
              type="button"
              tabIndex={-1}
              title={column.heading}
              onClick={() => onSort(column)}
            >
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
  readonly hoverKey: ReadonlySignal<string | null>;
  readonly activeColumn: number;
  readonly onPick: () => void;
  readonly onHover: () => void;
}

export function GridRow({
  row,
  index,
  columns,
  selected,
  hoverKey,
  activeColumn,
  ...on
}: RowProps) {
  const hovered = useComputed(() => hoverKey.value === row.key).value;
  // The same cells are not compared again when only the row's state changes.
  const cells = useMemo(() => {
    return columns.map((column, i) => (
      <Cell
        key={column.id}
        column={column}
        row={row}
        id={`cell-${index}-${i}`}
        index={i}
        active={i === activeColumn}
      />
    ));
  }, [row, index, columns, activeColumn]);
  const state = `${selected ? ' selected' : ''}${hovered ? ' hovered' : ''}`;
  return (
    <div
      class={`grid-row${state}${activeColumn >= 0 ? ' current' : ''} is-${row.status}`}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected}
      style={{ transform: `translateY(${index * ROW_HEIGHT}px)` }}
      onClick={on.onPick}
      onMouseEnter={on.onHover}
    >
      {cells}
    </div>
  );
}

interface CellProps {
  readonly column: Column;
  readonly row: Checkpoint;
  readonly id: string;
  readonly index: number;
  readonly active: boolean;
}

function Cell({ column, row, id, index, active }: CellProps) {
  return (
    <div
      id={id}
      role="gridcell"
      aria-colindex={index + 1}
      title={column.id === 'why' ? row.why : undefined}
      class={`cell${column.numeric ? ' numeric' : ''}${active ? ' active' : ''}`}
    >
      {column.cell(row)}
    </div>
  );
}
