/** The heading and the rows of the grid. A row is drawn anew only when something of it changes. */
import { type ReadonlySignal, useComputed } from '@preact/signals';
import type { Sort } from '../model/rows';
import type { Checkpoint } from '../model/run';
import type { Column } from './columns';
import { Icon } from './icon';
import { MarkAll } from './mark-box';

export const ROW_HEIGHT = 32;

interface HeaderProps {
  readonly columns: readonly Column[];
  readonly sort: Sort;
  readonly active: number;
  readonly onSort: (column: Column) => void;
}

export function HeaderRow({ columns, sort, active, onSort }: HeaderProps) {
  const direction = sort.descending ? 'descending' : 'ascending';
  return (
    <div class="grid-head" role="rowgroup">
      <div class="grid-row" role="row" aria-rowindex={1}>
        {columns.map((column, i) => (
          <div
            key={column.id}
            id={`head-${i}`}
            role="columnheader"
            aria-colindex={i + 1}
            aria-sort={
              column.id === 'mark' ? undefined : column.id === sort.column ? direction : 'none'
            }
            class={`cell${column.numeric ? ' numeric' : ''}${i === active ? ' active' : ''}`}
          >
            {column.id === 'mark' ? (
              <MarkAll />
            ) : (
              <button
                type="button"
                tabIndex={-1}
                title={column.heading}
                onClick={() => onSort(column)}
              >
                <span>{column.heading}</span>
                {column.id === sort.column && <Icon name={sort.descending ? 'down' : 'up'} />}
              </button>
            )}
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
}

/** Its clicks are the grid's: a function of its own for each row would draw all of them anew. */
export function GridRow({ row, index, columns, selected, hoverKey, activeColumn }: RowProps) {
  const hovered = useComputed(() => hoverKey.value === row.key).value;
  return (
    <div
      class={`grid-row is-${row.status}${selected ? ' selected' : ''}${hovered ? ' hovered' : ''}`}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected}
      style={{ top: `${index * ROW_HEIGHT}px` }}
    >
      {columns.map((column, i) => (
        <div
          key={column.id}
          id={i === activeColumn ? 'active-cell' : undefined}
          role="gridcell"
          aria-colindex={i + 1}
          title={column.full?.(row)}
          class={column.numeric ? 'cell numeric' : 'cell'}
        >
          {column.cell(row)}
        </div>
      ))}
    </div>
  );
}
