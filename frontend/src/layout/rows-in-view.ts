/**
 * Which rows of a long table exist in the page: a window of fixed-height rows.
 *
 * With a fixed height the window is two divisions; a general virtualiser would be a sixth of the bundle.
 */
export interface RowWindow {
  readonly first: number;
  /** One past the last. */
  readonly end: number;
}

export function rowsInView(
  count: number,
  rowHeight: number,
  scrollTop: number,
  viewHeight: number,
  spare = 4,
): RowWindow {
  const first = Math.floor(scrollTop / rowHeight) - spare;
  const end = Math.ceil((scrollTop + viewHeight) / rowHeight) + spare;
  return {
    first: Math.min(Math.max(0, first), count),
    end: Math.max(0, Math.min(count, end)),
  };
}

/** The scroll position that shows row `index`, moving as little as possible. */
export function scrollToRow(
  index: number,
  rowHeight: number,
  scrollTop: number,
  viewHeight: number,
): number {
  const top = index * rowHeight;
  if (top < scrollTop) return top;
  return Math.max(scrollTop, top + rowHeight - viewHeight);
}
