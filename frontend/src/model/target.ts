/**
 * What the charts and the table can point at.
 *
 * Checkpoints are named by id, decisions by their place in the run's list, which only grows.
 */
export interface CheckpointTarget {
  readonly kind: 'checkpoint';
  readonly run: string;
  readonly id: string;
}

export type Target =
  | CheckpointTarget
  | { readonly kind: 'decision'; readonly run: string; readonly index: number };

/** A text that is equal exactly for equal targets. */
export function targetKey(target: Target): string {
  return target.kind === 'checkpoint'
    ? JSON.stringify(['c', target.run, target.id])
    : JSON.stringify(['d', target.run, target.index]);
}

/** The inverse of `targetKey`; null when the text is not one. */
export function parseTarget(key: string): Target | null {
  let value: unknown;
  try {
    value = JSON.parse(key);
  } catch {
    return null;
  }
  if (!Array.isArray(value)) return null;
  const [kind, run, rest] = value as unknown[];
  if (typeof run !== 'string') return null;
  if (kind === 'c' && typeof rest === 'string') return { kind: 'checkpoint', run, id: rest };
  if (kind === 'd' && Number.isInteger(rest)) return { kind: 'decision', run, index: Number(rest) };
  return null;
}

export function sameTarget(a: Target | null, b: Target | null): boolean {
  return a === b || (a !== null && b !== null && targetKey(a) === targetKey(b));
}
