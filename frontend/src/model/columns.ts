/** Which columns the table can have, which it has where nobody chose, and which of them fit. Pure. */

/** `metric:NAME` is a metric, `delta:NAME` how far it is from the run's best. */
export type ColumnId =
  | 'status'
  | 'run'
  | 'epoch'
  | 'step'
  | 'saved'
  | 'size'
  | 'reason'
  | 'why'
  | 'tags'
  | 'note'
  | 'file'
  | 'id'
  | `metric:${string}`
  | `delta:${string}`;

const PLAIN = [
  'status',
  'run',
  'epoch',
  'step',
  'saved',
  'size',
  'reason',
  'why',
  'tags',
  'note',
  'file',
  'id',
] as const satisfies readonly ColumnId[];

/** Least widths in px. */
const WIDTHS: Record<(typeof PLAIN)[number], number> = {
  status: 94,
  run: 132,
  epoch: 62,
  step: 74,
  saved: 148,
  size: 74,
  reason: 96,
  why: 190,
  tags: 120,
  note: 190,
  file: 220,
  id: 150,
};
const NUMBER_WIDTH = 96;

/** The same as an own list is read from a link, with what is not a column left out. */
export function isColumnId(id: string): id is ColumnId {
  return /^(metric|delta):./.test(id) || PLAIN.some((plain) => plain === id);
}

export function columnWidth(id: ColumnId): number {
  return PLAIN.some((plain) => plain === id) ? WIDTHS[id as (typeof PLAIN)[number]] : NUMBER_WIDTH;
}

/** The metric of a metric or delta column. */
export function metricOfColumn(id: ColumnId): string | null {
  return /^(?:metric|delta):(.+)$/s.exec(id)?.[1] ?? null;
}

/** All columns in their order: `metrics` by name, the one shown in the chart first. */
export function allColumns(metrics: readonly string[], severalRuns: boolean): ColumnId[] {
  return [
    'status',
    ...(severalRuns ? (['run'] as const) : []),
    'epoch',
    'step',
    'saved',
    ...metrics.map((name) => `metric:${name}` as const),
    ...metrics.map((name) => `delta:${name}` as const),
    'size',
    'reason',
    'why',
    'tags',
    'note',
    'file',
    'id',
  ];
}

/**
 * The columns where nobody chose: those that fit into `width`, by how much they tell.
 *
 * Nothing is cut off: what does not fit is left out, and can be chosen.
 */
export function defaultColumns(
  metrics: readonly string[],
  severalRuns: boolean,
  width: number,
): ColumnId[] {
  const [first, second, ...others] = metrics.map((name) => `metric:${name}` as const);
  const wanted: (ColumnId | undefined)[] = [
    'status',
    'epoch',
    severalRuns ? 'run' : undefined,
    first,
    'saved',
    'why',
    second,
    'size',
    ...others.slice(0, 3),
    'reason',
    'step',
  ];
  const chosen = new Set<ColumnId>();
  let left = width;
  for (const id of wanted) {
    if (id === undefined) continue;
    const needed = columnWidth(id);
    if (needed > left && chosen.size > 2) continue;
    chosen.add(id);
    left -= needed;
  }
  return allColumns(metrics, severalRuns).filter((id) => chosen.has(id));
}
