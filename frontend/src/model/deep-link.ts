/**
 * The view as text in the link, `#epochline&p.epochline.metric=loss&…`.
 *
 * Invariant: `parseLink(formatLink(state))` is `state`. Broken or foreign values are left out, so that
 * an edited link never breaks the page.
 */
import { DIRECTIONS, type Direction } from '../api/types';
import { AXES, type Axis } from './axis';
import { ALL_RUNS, type RunFilter } from './run-filter';
import { parseTarget, type Target, targetKey } from './target';

export const LINK_PREFIX = 'p.epochline.';
export const LINK_KEYS = ['metric', 'best', 'axis', 'scale', 'runs', 'select', 'zoom'] as const;
export type LinkKey = (typeof LINK_KEYS)[number];

export interface LinkState {
  /** Key of the metric choice; null follows the run's monitor. */
  readonly metric: string | null;
  /** Null follows what Keras knows of the metric. */
  readonly direction: Direction | null;
  readonly axis: Axis;
  readonly logScale: boolean;
  readonly runs: RunFilter;
  readonly selection: Target | null;
  readonly zoom: readonly [number, number] | null;
}

export const DEFAULT_LINK: LinkState = {
  metric: null,
  direction: null,
  axis: 'epoch',
  logScale: false,
  runs: ALL_RUNS,
  selection: null,
  zoom: null,
};

/** The link's values; an empty one means the default and is not written. */
export function formatLink(state: LinkState): Record<LinkKey, string> {
  const { mode, names } = state.runs;
  return {
    metric: state.metric ?? '',
    best: state.direction ?? '',
    axis: state.axis === DEFAULT_LINK.axis ? '' : state.axis,
    scale: state.logScale ? 'log' : '',
    runs: names.size === 0 && mode === 'hide' ? '' : JSON.stringify([mode, ...names]),
    select: state.selection === null ? '' : targetKey(state.selection),
    zoom: state.zoom === null ? '' : state.zoom.join('~'),
  };
}

function parseRuns(text: string): RunFilter {
  try {
    const value: unknown = JSON.parse(text);
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) return ALL_RUNS;
    const [mode, ...names] = value as string[];
    return mode === 'hide' || mode === 'show' ? { mode, names: new Set(names) } : ALL_RUNS;
  } catch {
    return ALL_RUNS;
  }
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
    runs: parseRuns(values.runs ?? ''),
    selection: parseTarget(values.select ?? ''),
    zoom: parseZoom(values.zoom ?? ''),
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
