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

/** Compares places in `values`, which are all numbers or all texts. */
function comparePlaces(values: readonly (number | string)[]): (a: number, b: number) => number {
  if (values.some((value) => typeof value === 'string')) {
    return (a, b) => COLLATOR.compare(String(values[a]), String(values[b]));
  }
  const numbers = new Float64Array(values.length);
  for (let i = 0; i < numbers.length; i++) numbers[i] = Number(values[i]);
  return (a, b) => Number(numbers[a]) - Number(numbers[b]);
}

/** Sorted copy; rows without a value come last in either direction, ties by time, newest first. */
export function sortRows(
  rows: readonly Checkpoint[],
  { column, descending }: Sort,
  best: ReadonlySet<string>,
): Checkpoint[] {
  const values = rows.map(sortValue(column, best));
  // Sorting numbers, not objects: there are new rows with every poll.
  const byValue = comparePlaces(values);
  const byTime = comparePlaces(rows.map(({ wallTime }) => wallTime));
  const sign = descending ? -1 : 1;
  const places = [...rows.keys()];
  const known = places.filter((i) => !Number.isNaN(values[i]));
  const unknown = places.filter((i) => Number.isNaN(values[i]));
  known.sort((a, b) => sign * byValue(a, b) || byTime(b, a));
  unknown.sort((a, b) => byTime(b, a));
  return [...known, ...unknown].flatMap((i) => rows[i] ?? []);
}
