/**
 * How the values of variables are spread, as far as the recorded statistics tell. Pure.
 *
 * Invariant: nothing is made up. A variable without numbers has no spread, and takes part in none.
 */
import type { Diff, VariableChanges, Weights } from '../api/types';
import { toNumber } from './num';

/** Of the finite values. */
export interface Spread {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly std: number;
  /** How many values. */
  readonly count: number;
}

export interface WeightRow {
  readonly name: string;
  /** `8×12`, or `scalar`. */
  readonly shape: string;
  readonly values: number;
  readonly spread: Spread | null;
  readonly nan: number;
  readonly inf: number;
  readonly zeros: number;
}

export interface WeightLayer extends Omit<WeightRow, 'shape'> {
  readonly optimizer: boolean;
  readonly variables: readonly WeightRow[];
}

const sizeOf = (shape: readonly number[]) => shape.reduce((product, side) => product * side, 1);

export function shapeText(shape: readonly number[]): string {
  return shape.join('×') || 'scalar';
}

function known(spread: Spread): Spread | null {
  const { min, max, mean, std, count } = spread;
  return [min, max, mean, std].every(Number.isFinite) && count > 0 ? spread : null;
}

/** All values as one heap; null without any. */
export function together(spreads: readonly (Spread | null)[]): Spread | null {
  const parts = spreads.filter((spread) => spread !== null);
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  if (count === 0) return null;
  const mean = parts.reduce((sum, part) => sum + (part.count / count) * part.mean, 0);
  const variance = parts.reduce(
    (sum, part) => sum + (part.count / count) * (part.std ** 2 + (part.mean - mean) ** 2),
    0,
  );
  return {
    min: Math.min(...parts.map(({ min }) => min)),
    max: Math.max(...parts.map(({ max }) => max)),
    mean,
    std: Math.sqrt(variance),
    count,
  };
}

function variableAt({ variables }: Weights, i: number): WeightRow {
  const shape = variables.shape[i] ?? [];
  const values = sizeOf(shape);
  const [nan, inf] = [variables.nan[i] ?? 0, variables.inf[i] ?? 0];
  return {
    name: variables.name[i] ?? '',
    shape: shapeText(shape),
    values,
    nan,
    inf,
    zeros: variables.zeros[i] ?? 0,
    spread: known({
      min: toNumber(variables.min[i]),
      max: toNumber(variables.max[i]),
      mean: toNumber(variables.mean[i]),
      std: toNumber(variables.std[i]),
      count: values - nan - inf,
    }),
  };
}

/** The layers in the order of the file, the state of the optimizer last. */
export function weightLayers(weights: Weights): WeightLayer[] {
  const { layer, of_optimizer } = weights.variables;
  const groups = new Map<string, number[]>();
  layer.forEach((name, i) => void groups.set(name, [...(groups.get(name) ?? []), i]));
  const layers = [...groups].map(([name, places]) => {
    const variables = places.map((i) => variableAt(weights, i));
    const sum = (pick: (row: WeightRow) => number) =>
      variables.reduce((total, row) => total + pick(row), 0);
    return {
      name,
      optimizer: places.every((i) => of_optimizer[i]),
      variables,
      values: sum(({ values }) => values),
      nan: sum(({ nan }) => nan),
      inf: sum(({ inf }) => inf),
      zeros: sum(({ zeros }) => zeros),
      spread: together(variables.map(({ spread }) => spread)),
    };
  });
  return [...layers.filter((item) => !item.optimizer), ...layers.filter((item) => item.optimizer)];
}

export type SpreadPair = readonly [Spread | null, Spread | null];

function sideAt(columns: VariableChanges, i: number, side: 'a' | 'b'): Spread | null {
  const at = (name: 'min' | 'max' | 'mean' | 'std') => toNumber(columns[`${name}_${side}`][i]);
  return known({
    min: at('min'),
    max: at('max'),
    mean: at('mean'),
    std: at('std'),
    count: sizeOf(columns.shape[i] ?? []),
  });
}

/** Of each variable that a comparison tells of, in its order. */
export function variableSpreads({ variables }: Diff): SpreadPair[] {
  return variables.name.map((_, i) => [sideAt(variables, i, 'a'), sideAt(variables, i, 'b')]);
}

/** The same of each layer. */
export function layerSpreads(diff: Diff): SpreadPair[] {
  const pairs = variableSpreads(diff);
  return diff.layers.layer.map((name) => {
    const own = pairs.filter((_, i) => diff.variables.layer[i] === name);
    return [together(own.map(([a]) => a)), together(own.map(([, b]) => b))];
  });
}
