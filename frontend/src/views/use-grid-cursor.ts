/** The active cell of the grid: moved by keys, by clicks, and by selections made elsewhere. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Checkpoint } from '../model/run';
import { useStore } from '../state/context';
import type { Column } from './columns';
import { toggleMarks } from './mark-box';
import { press, rowLetter } from './row-keys';
import type { GridScroll } from './use-grid-scroll';

/** The row number of the headings. */
const HEADINGS = -1;

export interface GridCursor {
  readonly row: number;
  readonly column: number;
  readonly inHeadings: boolean;
  /** Id of the active cell, if it exists in the page. */
  readonly cellId: string | undefined;
  readonly onKeyDown: (event: KeyboardEvent) => void;
  readonly pick: (row: Checkpoint) => void;
  readonly sortBy: (column: Column) => void;
}

interface Options {
  readonly rows: readonly Checkpoint[];
  readonly columns: readonly Column[];
  readonly selectedKey: string | null;
  readonly scroll: GridScroll;
  readonly mark: (row: Checkpoint) => void;
}

function useSorting(scroll: GridScroll) {
  const store = useStore();
  return (column: Column) => {
    if (column.id === 'mark') return toggleMarks(store, store.rows.value);
    const { column: current, descending } = store.link.value.sort;
    const next = current === column.id ? !descending : column.descendingFirst;
    store.change({ sort: { column: column.id, descending: next } });
    store.announcement.value = `Sorted by ${column.heading}, ${next ? 'descending' : 'ascending'}.`;
    if (scroll.place.current) scroll.place.current.scrollTop = 0;
  };
}

/** Calls `show` once for each selection, as soon as its row is there. */
function useReveal(key: string | null, scroll: GridScroll, show: (row: number) => void) {
  const revealed = useRef<string | null>(null);
  useEffect(() => {
    const at = key === null ? undefined : scroll.placeOf(key);
    if (key === null) revealed.current = null;
    if (at === undefined || revealed.current === key) return;
    revealed.current = key;
    show(at);
  }, [key, scroll.placeOf]);
}

export function useGridCursor({ rows, columns, selectedKey, scroll, mark }: Options): GridCursor {
  const store = useStore();
  const activeKey = useSignal<string | null>(null);
  // The first column only holds the boxes.
  const activeColumn = useSignal(1);
  const inHeadings = useSignal(false);
  const sortBy = useSorting(scroll);
  const row = inHeadings.value ? HEADINGS : (scroll.placeOf(activeKey.value ?? '') ?? 0);
  const column = Math.min(activeColumn.value, columns.length - 1);

  const moveTo = (next: number) => {
    const target = rows[Math.min(rows.length - 1, next)];
    inHeadings.value = next < 0;
    if (next < 0 || target === undefined) return;
    activeKey.value = target.key;
    store.hover.value = target.target;
    scroll.reveal(Math.min(rows.length - 1, next));
  };
  const pick = (target: Checkpoint) => {
    activeKey.value = target.key;
    inHeadings.value = false;
    store.change({ selection: target.target });
  };
  const enter = () => {
    const heading = columns[column];
    const target = rows[row];
    if (inHeadings.value && heading !== undefined) sortBy(heading);
    if (target === undefined) return;
    pick(target);
    // The pane is built first, then gets the focus, so that it is read out.
    setTimeout(() => document.getElementById('details-title')?.focus());
  };
  useReveal(selectedKey, scroll, (at) => {
    activeKey.value = selectedKey;
    inHeadings.value = false;
    scroll.reveal(at);
  });

  const moveColumn = (step: number) => {
    activeColumn.value = Math.min(columns.length - 1, Math.max(0, column + step));
  };
  const keys: Record<string, () => void> = {
    ArrowDown: () => moveTo(row + 1),
    ArrowUp: () => moveTo(row - 1),
    PageDown: () => moveTo(Math.max(0, row) + scroll.page()),
    PageUp: () => moveTo(Math.max(0, row - scroll.page())),
    Home: () => moveTo(0),
    End: () => moveTo(rows.length - 1),
    ArrowRight: () => moveColumn(1),
    ArrowLeft: () => moveColumn(-1),
    Enter: enter,
    ' ': () => {
      const target = rows[row];
      if (target !== undefined) mark(target);
      else enter();
    },
  };
  const exists = row >= scroll.first && row < scroll.end;
  return {
    row,
    column,
    inHeadings: inHeadings.value,
    cellId: inHeadings.value ? `head-${column}` : exists ? 'active-cell' : undefined,
    onKeyDown(event) {
      const letter = rowLetter(event);
      const target = rows[row];
      if (letter !== null && target !== undefined) press(store, letter, target);
      const act = keys[event.key];
      if (act === undefined) return;
      event.preventDefault();
      act();
    },
    pick,
    sortBy,
  };
}
