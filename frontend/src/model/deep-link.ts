/**
 * The view as text in the link, `#epochline&p.epochline.metric=loss&…`.
 *
 * Invariant: `parseLink(formatLink(state))` is `state`. Broken or foreign values are left out, so that
 * an edited link never breaks the page.
 */
import { DIRECTIONS, type Direction } from '../api/types';
import { AXES, type Axis } from './axis';
import { type ColumnId, isColumnId } from './columns';
import { formatQuestion, parseQuestion, type Question } from './question';
import { DEFAULT_SORT, NO_FILTER, type RowFilter, type Sort, STATUS_FILTERS } from './rows';
import { ALL_RUNS, type RunFilter } from './run-filter';
import { MAX_SMOOTHING } from './smooth';
import { type CheckpointTarget, parseTarget, type Target, targetKey } from './target';

export const LINK_PREFIX = 'p.epochline.';
export const LINK_KEYS = [
  'metric',
  'best',
  'axis',
  'scale',
  'smooth',
  'outliers',
  'branches',
  'runs',
  'select',
  'zoom',
  'sort',
  'filter',
  'status',
  'columns',
  'compare',
  'why',
  'whatif',
] as const;
export type LinkKey = (typeof LINK_KEYS)[number];

export interface LinkState {
  /** Key of the metric choice; null follows the run's monitor. */
  readonly metric: string | null;
  /** Null follows what Keras knows of the metric. */
  readonly direction: Direction | null;
  readonly axis: Axis;
  readonly logScale: boolean;
  /** Weight of the smoothing, 0 for none. */
  readonly smoothing: number;
  /** Whether a few far values may be left out of the chart so that the rest is seen. */
  readonly ignoreOutliers: boolean;
  /** Whether curves are only what led to the present state, without what was left behind. */
  readonly stitched: boolean;
  readonly runs: RunFilter;
  readonly selection: Target | null;
  readonly zoom: readonly [number, number] | null;
  readonly sort: Sort;
  readonly rowFilter: RowFilter;
  /** Null shows those that fit. */
  readonly columns: readonly ColumnId[] | null;
  /** The two checkpoints that are compared. */
  readonly compare: Pair | null;
  /** The run whose story is told. */
  readonly why: string | null;
  /** The other settings that are replayed. */
  readonly whatIf: Question | null;
}

export type Pair = readonly [CheckpointTarget, CheckpointTarget];

export const DEFAULT_LINK: LinkState = {
  metric: null,
  direction: null,
  axis: 'epoch',
  logScale: false,
  smoothing: 0,
  ignoreOutliers: true,
  stitched: false,
  runs: ALL_RUNS,
  selection: null,
  zoom: null,
  sort: DEFAULT_SORT,
  rowFilter: NO_FILTER,
  columns: null,
  compare: null,
  why: null,
  whatIf: null,
};

function formatSort({ column, descending }: Sort): string {
  const same = column === DEFAULT_SORT.column && descending === DEFAULT_SORT.descending;
  return same ? '' : `${descending ? '-' : ''}${column}`;
}

function parseSort(text: string): Sort {
  const column = text.replace(/^-/, '');
  return isColumnId(column) ? { column, descending: text.startsWith('-') } : DEFAULT_SORT;
}

/** The link's values; an empty one means the default and is not written. */
export function formatLink(state: LinkState): Record<LinkKey, string> {
  const { mode, names } = state.runs;
  return {
    metric: state.metric ?? '',
    best: state.direction ?? '',
    axis: state.axis === DEFAULT_LINK.axis ? '' : state.axis,
    scale: state.logScale ? 'log' : '',
    smooth: state.smoothing === 0 ? '' : String(state.smoothing),
    outliers: state.ignoreOutliers ? '' : 'show',
    branches: state.stitched ? 'hide' : '',
    runs: names.size === 0 && mode === 'hide' ? '' : JSON.stringify([mode, ...names]),
    select: state.selection === null ? '' : targetKey(state.selection),
    zoom: state.zoom === null ? '' : state.zoom.join('~'),
    sort: formatSort(state.sort),
    filter: state.rowFilter.text,
    status: state.rowFilter.status === NO_FILTER.status ? '' : state.rowFilter.status,
    columns: state.columns === null ? '' : JSON.stringify(state.columns),
    compare: state.compare === null ? '' : JSON.stringify(state.compare.map(targetKey)),
    why: state.why ?? '',
    whatif: state.whatIf === null ? '' : formatQuestion(state.whatIf),
  };
}

/** A JSON list of texts, or null when it is anything else. */
function parseTexts(text: string): string[] | null {
  try {
    const value: unknown = JSON.parse(text);
    const isTexts = Array.isArray(value) && value.every((item) => typeof item === 'string');
    return isTexts ? value : null;
  } catch {
    return null;
  }
}

function parseRuns(text: string): RunFilter {
  const [mode, ...names] = parseTexts(text) ?? [];
  return mode === 'hide' || mode === 'show' ? { mode, names: new Set(names) } : ALL_RUNS;
}

function parseColumns(text: string): ColumnId[] | null {
  const columns = parseTexts(text)?.filter(isColumnId) ?? [];
  return columns.length === 0 ? null : columns;
}

function parsePair(text: string): Pair | null {
  const [a, b, ...rest] = (parseTexts(text) ?? []).map(parseTarget);
  if (a?.kind !== 'checkpoint' || b?.kind !== 'checkpoint' || rest.length > 0) return null;
  return [a, b];
}

function parseSmoothing(text: string): number {
  const weight = Number(text);
  return weight > 0 && weight <= MAX_SMOOTHING ? weight : DEFAULT_LINK.smoothing;
}

function parseZoom(text: string): [number, number] | null {
  const [from, to, ...rest] = text.split('~').map(Number);
  if (from === undefined || to === undefined || rest.length > 0) return null;
  return Number.isFinite(from) && Number.isFinite(to) && from < to ? [from, to] : null;
}

export function parseLink(values: Partial<Record<LinkKey, string>>): LinkState {
  return {
    metric: values.metric || null,
    direction: DIRECTIONS.find((direction) => direction === values.best) ?? null,
    axis: AXES.find((axis) => axis === values.axis) ?? DEFAULT_LINK.axis,
    logScale: values.scale === 'log',
    smoothing: parseSmoothing(values.smooth ?? ''),
    ignoreOutliers: values.outliers !== 'show',
    stitched: values.branches === 'hide',
    runs: parseRuns(values.runs ?? ''),
    selection: parseTarget(values.select ?? ''),
    zoom: parseZoom(values.zoom ?? ''),
    sort: parseSort(values.sort ?? ''),
    rowFilter: {
      text: values.filter ?? '',
      status: STATUS_FILTERS.find((status) => status === values.status) ?? NO_FILTER.status,
    },
    columns: parseColumns(values.columns ?? ''),
    compare: parsePair(values.compare ?? ''),
    why: values.why || null,
    whatIf: parseQuestion(values.whatif ?? ''),
  };
}

/** Our values in TensorBoard's hash, `#TAB&key=value&…` with percent-encoded keys and values. */
export function parseHash(hash: string): Partial<Record<LinkKey, string>> {
  const values: Partial<Record<LinkKey, string>> = {};
  for (const token of hash.replace(/^#/, '').split('&')) {
    const at = token.indexOf('=');
    if (at < 0) continue;
    try {
      const key = decodeURIComponent(token.slice(0, at));
      const known = LINK_KEYS.find((name) => LINK_PREFIX + name === key);
      if (known !== undefined) values[known] = decodeURIComponent(token.slice(at + 1));
    } catch {
      // A token that is not valid percent-encoding was not written by us.
    }
  }
  return values;
}
