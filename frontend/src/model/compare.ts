/** What two checkpoints differ in, as rows of tables. Pure. */
import type { Diff, Direction, LayerChanges, Num, VariableChanges } from '../api/types';
import { toNumber } from './num';
import { type Checkpoint, metricOf, type RunModel } from './run';
import { layerSpreads, type SpreadPair, shapeText, variableSpreads } from './spread';

export interface MetricRow {
  readonly name: string;
  readonly a: Num;
  readonly b: Num;
  /** B − A; NaN where one of them has no value. */
  readonly delta: number;
  /** Null where nobody knows which end is best, or there is nothing to compare. */
  readonly verdict: 'better' | 'worse' | 'equal' | null;
}

export function metricRows(
  a: Checkpoint,
  b: Checkpoint,
  directionOf: (metric: string) => Direction | null,
): MetricRow[] {
  const names = new Set([...Object.keys(a.metrics), ...Object.keys(b.metrics)]);
  return [...names]
    .map((name) => {
      const [valueA, valueB] = [metricOf(a, name), metricOf(b, name)];
      const delta = toNumber(valueB) - toNumber(valueA);
      const sign = { min: -1, max: 1 }[directionOf(name) ?? 'min'];
      const known = directionOf(name) !== null && !Number.isNaN(delta);
      const verdict: MetricRow['verdict'] =
        delta === 0 ? 'equal' : !known ? null : sign * delta > 0 ? 'better' : 'worse';
      return { name, a: valueA, b: valueB, delta, verdict };
    })
    .filter(({ a: valueA, b: valueB }) => valueA !== null || valueB !== null);
}

export interface ChangeRow {
  readonly name: string;
  readonly optimizer: boolean;
  /** Variables that are equal, of how many; or the shape. */
  readonly size: string;
  readonly relative: Num;
  /** What it is at least, where only statistics are left. */
  readonly atLeast: Num;
  readonly cosine: Num;
  readonly maxAbs: Num;
  readonly note: string;
  readonly spreads: SpreadPair;
}

export type ChangeColumn = 'name' | 'relative' | 'cosine' | 'maxAbs';

export interface ChangeSort {
  /** Null leaves the order of the model. */
  readonly column: ChangeColumn | null;
  readonly descending: boolean;
}

function numbersAt(columns: LayerChanges | VariableChanges, i: number) {
  return {
    relative: columns.relative_change[i] ?? null,
    atLeast: columns.relative_at_least[i] ?? null,
    cosine: columns.cosine[i] ?? null,
    maxAbs: columns.max_abs[i] ?? null,
    optimizer: columns.of_optimizer[i] ?? false,
  };
}

const UNKNOWN: SpreadPair = [null, null];

export function layerRows(diff: Diff): ChangeRow[] {
  const { layers } = diff;
  const spreads = layerSpreads(diff);
  return layers.layer.map((name, i) => ({
    name,
    spreads: spreads[i] ?? UNKNOWN,
    size: `${layers.unchanged[i]} of ${layers.variables[i]} equal`,
    note: '',
    ...numbersAt(layers, i),
  }));
}

export function variableRows(diff: Diff): ChangeRow[] {
  const { variables } = diff;
  const spreads = variableSpreads(diff);
  return variables.name.map((name, i) => ({
    name,
    spreads: spreads[i] ?? UNKNOWN,
    size: `${shapeText(variables.shape[i] ?? [])} ${variables.dtype[i]}`,
    note: variables.note[i] ?? '',
    ...numbersAt(variables, i),
  }));
}

/** The largest change of the weights, which the bars are measured by; 0 without any. */
export function largest(rows: readonly ChangeRow[]): number {
  const weights = rows.filter(({ optimizer }) => !optimizer);
  return Math.max(0, ...weights.map(amount).filter(Number.isFinite));
}

/** How much a row changed, for its bar and its place; what it is at least where no more is known. */
export function amount({ relative, atLeast }: ChangeRow): number {
  return toNumber(relative ?? atLeast);
}

/**
 * A sorted copy; the state of the optimizer comes after the weights, rows without a value come last in
 * either direction.
 */
export function sortChanges(rows: readonly ChangeRow[], sort: ChangeSort): ChangeRow[] {
  const sorted = sortedBy(rows, sort);
  return [...sorted.filter((row) => !row.optimizer), ...sorted.filter((row) => row.optimizer)];
}

function sortedBy(rows: readonly ChangeRow[], { column, descending }: ChangeSort): ChangeRow[] {
  if (column === null) return [...rows];
  const sign = descending ? -1 : 1;
  if (column === 'name') return rows.toSorted((a, b) => sign * a.name.localeCompare(b.name));
  const value = (row: ChangeRow) => (column === 'relative' ? amount(row) : toNumber(row[column]));
  return rows.toSorted((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (Number.isNaN(x) || Number.isNaN(y))
      return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return x === y ? 0 : sign * (x < y ? -1 : 1);
  });
}

/** The checkpoint `by` places further in the run's list, to walk along it; null at its end. */
export function neighbour(
  model: RunModel | undefined,
  row: Checkpoint,
  by: 1 | -1,
): Checkpoint | null {
  return model?.checkpoints[row.index + by] ?? null;
}
