/** Filtering and sorting the table of checkpoints. Pure; the order of equal rows is kept. */
import { STATUSES, type Status } from '../api/types';
import { isRestorable } from './best';
import { type ColumnId, metricOfColumn } from './columns';
import { toNumber } from './num';
import { type Checkpoint, metricOf } from './run';

export type StatusFilter = 'all' | 'best' | 'restorable' | Status;

export interface Sort {
  readonly column: ColumnId;
  readonly descending: boolean;
}

export interface RowFilter {
  readonly text: string;
  readonly status: StatusFilter;
}

export const STATUS_FILTERS: readonly StatusFilter[] = ['all', 'best', 'restorable', ...STATUSES];

/** Newest first: in a live run the news is at the top. */
export const DEFAULT_SORT: Sort = { column: 'saved', descending: true };
export const NO_FILTER: RowFilter = { text: '', status: 'all' };

/** Best first, gone last: the order in which a status column is useful. */
const STATUS_ORDER: Record<Status, number> = {
  pinned: 1,
  saved: 2,
  corrupt: 3,
  failed: 4,
  missing: 5,
  pruned: 6,
};

const haystacks = new WeakMap<Checkpoint, string>();

function haystack(row: Checkpoint): string {
  let text = haystacks.get(row);
  if (text === undefined) {
    const { run, status, reason, name, why, id, note, tags } = row;
    text = [run, status, reason, name, why, id, note, ...tags].join(' ').toLowerCase();
    haystacks.set(row, text);
  }
  return text;
}

/** `epoch 12` means that epoch, counted from one as it is shown, and not also 120. */
const EPOCH = /\bepoch\s+(\d+)\b/i;

/** Rows that contain every word of the text, are of its epoch, and have the status. */
export function filterRows(
  rows: readonly Checkpoint[],
  { text, status }: RowFilter,
  best: ReadonlySet<string>,
): readonly Checkpoint[] {
  if (text.trim() === '' && status === 'all') return rows;
  const epoch = EPOCH.exec(text)?.[1];
  const words = text.replace(EPOCH, '').toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) => {
    if (status === 'best' && !best.has(row.key)) return false;
    if (status === 'restorable' && !isRestorable(row.status)) return false;
    const any = status === 'all' || status === 'best' || status === 'restorable';
    if (!any && row.status !== status) return false;
    if (epoch !== undefined && row.epoch + 1 !== Number(epoch)) return false;
    return words.length === 0 || words.every((word) => haystack(row).includes(word));
  });
}

function sortValue(column: ColumnId, best: ReadonlySet<string>) {
  return (row: Checkpoint): number | string => {
    switch (column) {
      case 'status':
        return best.has(row.key) ? 0 : STATUS_ORDER[row.status];
      case 'run':
        return row.run;
      case 'epoch':
        return row.epoch;
      case 'step':
        return row.step;
      case 'saved':
        return row.wallTime;
      case 'size':
        return toNumber(row.sizeBytes);
      case 'reason':
        return row.reason;
      case 'why':
        return row.why;
      case 'tags':
        return row.tags.join(', ');
      case 'note':
        return row.note;
      case 'file':
        return row.name;
      case 'id':
        return row.id;
      default:
        // The distance from one best value sorts as the values do.
        return toNumber(metricOf(row, metricOfColumn(column) ?? ''));
    }
  };
}

const COLLATOR = new Intl.Collator('en', { numeric: true });

function compareValues(a: number | string, b: number | string): number {
  if (typeof a === 'number' && typeof b === 'number') return a < b ? -1 : a > b ? 1 : 0;
  return COLLATOR.compare(String(a), String(b));
}

/** A row with what it is sorted by. */
interface Item {
  readonly row: Checkpoint;
  readonly value: number | string;
  readonly missing: boolean;
}

/** Rows without a value come last in either direction, ties by time, newest first. */
function ordering({ column, descending }: Sort, best: ReadonlySet<string>) {
  const sortBy = sortValue(column, best);
  return {
    item(row: Checkpoint): Item {
      const value = sortBy(row);
      return { row, value, missing: Number.isNaN(value) };
    },
    compare(a: Item, b: Item): number {
      if (a.missing !== b.missing) return a.missing ? 1 : -1;
      const order = a.missing ? 0 : compareValues(a.value, b.value);
      if (order !== 0) return descending ? -order : order;
      return b.row.wallTime - a.row.wallTime;
    },
  };
}

type Ordering = ReturnType<typeof ordering>;

/** Sorted copy; the order of equal rows is kept. */
export function sortRows(
  rows: readonly Checkpoint[],
  sort: Sort,
  best: ReadonlySet<string>,
): Checkpoint[] {
  const { item, compare } = ordering(sort, best);
  return rows
    .map(item)
    .sort(compare)
    .map(({ row }) => row);
}

/** Puts a few sorted rows in among many. */
function merged(many: readonly Checkpoint[], few: readonly Checkpoint[], by: Ordering) {
  const parts: (readonly Checkpoint[])[] = [];
  let done = 0;
  for (const row of few) {
    const item = by.item(row);
    let low = done;
    let high = many.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = many[middle];
      if (other !== undefined && by.compare(by.item(other), item) <= 0) low = middle + 1;
      else high = middle;
    }
    parts.push(many.slice(done, low), [row]);
    done = low;
  }
  return [...parts, many.slice(done)].flat();
}

/**
 * `sortRows` of the rows of several runs that remembers what it sorted last: with a poll mostly one run
 * has new rows, which are put in among those of the others. The rows of a run without news are the same
 * array as before.
 */
export function rememberingSort() {
  let groups: ReadonlySet<readonly Checkpoint[]> = new Set();
  let sorted: Checkpoint[] = [];
  let by: { sort: Sort; best: ReadonlySet<string> } | null = null;
  return (ofRuns: readonly (readonly Checkpoint[])[], sort: Sort, best: ReadonlySet<string>) => {
    const before = by?.sort === sort && by.best === best ? groups : new Set();
    groups = new Set(ofRuns);
    const stayed = new Set(
      ofRuns.flatMap((rows) => (before.has(rows) ? (rows[0]?.run ?? []) : [])),
    );
    const old = stayed.size === 0 ? [] : sorted.filter(({ run }) => stayed.has(run));
    const fresh = ofRuns.filter((rows) => !before.has(rows)).flat();
    sorted = merged(old, sortRows(fresh, sort, best), ordering(sort, best));
    by = { sort, best };
    return sorted;
  };
}
