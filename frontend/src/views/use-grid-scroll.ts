/** What of a long grid is in view, and keeping it in view while rows come and go. */
import { type Signal, useComputed, useSignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { rowsInView, scrollToRow } from '../layout/rows-in-view';
import { memo } from '../model/memo';
import type { Checkpoint } from '../model/run';
import { ROW_HEIGHT } from './grid-rows';

/** So long after it was scrolled the grid is at rest. */
const REST_MS = 150;

export interface GridScroll {
  readonly place: RefObject<HTMLDivElement | null>;
  /** The place of a row, by its key. */
  readonly placeOf: (key: string) => number | undefined;
  /** The rows from `first` up to, not including, `end` exist in the page. */
  readonly first: number;
  readonly end: number;
  readonly onScroll: () => void;
  /** Whether rows are passing under the pointer, which then points at none of them. */
  readonly isMoving: () => boolean;
  readonly reveal: (row: number) => void;
  /** Rows that a page key moves by. */
  readonly page: () => number;
}

type Place = RefObject<HTMLDivElement | null>;

/** Height of the grid; a hidden tab keeps its last one. */
function useViewHeight(place: Place): Signal<number> {
  const height = useSignal(400);
  useLayoutEffect(() => {
    const element = place.current;
    if (element === null) return;
    const measure = () => {
      if (element.clientHeight > 0) height.value = element.clientHeight;
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return height;
}

/** Keeps the rows in view where they are when new ones arrive above them in the same order. */
function useAnchor(
  place: Place,
  rows: readonly Checkpoint[],
  placeOf: GridScroll['placeOf'],
  order: unknown,
) {
  const anchor = useRef({ key: '', offset: 0, order });
  useLayoutEffect(() => {
    const element = place.current;
    const { key, offset, order: before } = anchor.current;
    // At the very top nothing is anchored, and nothing has to be laid out to know that.
    if (element === null || before !== order || key === '') return;
    const at = placeOf(key);
    if (at !== undefined) element.scrollTop = at * ROW_HEIGHT + offset;
  }, [rows]);
  return (scrollTop: number) => {
    const first = Math.floor(scrollTop / ROW_HEIGHT);
    const offset = scrollTop - first * ROW_HEIGHT;
    anchor.current = { key: (scrollTop > 0 && rows[first]?.key) || '', offset, order };
  };
}

export function useGridScroll(rows: readonly Checkpoint[], order: unknown): GridScroll {
  const place = useRef<HTMLDivElement>(null);
  // Few rows are ever asked for, but there are new rows with every poll.
  const placeOf = useMemo(
    () =>
      memo((key: string) => {
        const at = key === '' ? -1 : rows.findIndex((row) => row.key === key);
        return at < 0 ? undefined : at;
      }),
    [rows],
  );
  const scrollTop = useSignal(0);
  const viewHeight = useViewHeight(place);
  const count = useSignal(rows.length);
  count.value = rows.length;
  const view = useComputed(() =>
    rowsInView(count.value, ROW_HEIGHT, scrollTop.value, viewHeight.value),
  );
  const remember = useAnchor(place, rows, placeOf, order);
  const movedAt = useRef(Number.NEGATIVE_INFINITY);
  // Measured now: what is revealed at once when the page opens is so before any observer reports.
  const bodyHeight = () => (place.current?.clientHeight || viewHeight.peek()) - ROW_HEIGHT;
  return {
    place,
    placeOf,
    // Two numbers: scrolling inside of a row draws nothing anew.
    first: useComputed(() => view.value.first).value,
    end: useComputed(() => view.value.end).value,
    onScroll() {
      movedAt.current = performance.now();
      scrollTop.value = place.current?.scrollTop ?? 0;
      remember(scrollTop.value);
    },
    isMoving: () => performance.now() - movedAt.current < REST_MS,
    reveal(row) {
      const element = place.current;
      if (element === null || row < 0) return;
      element.scrollTop = scrollToRow(row, ROW_HEIGHT, element.scrollTop, bodyHeight());
    },
    page: () => Math.max(1, Math.floor(bodyHeight() / ROW_HEIGHT) - 1),
  };
}
