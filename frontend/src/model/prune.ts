/** From what was chosen in the dialog to what is asked of the server. Pure. */
import type { PruneRule } from '../api/client';
import type { Checkpoint } from './run';

export interface Rule {
  readonly kind: 'marked' | 'rule';
  readonly last: number;
  readonly best: number;
  readonly metric: string;
}

/** Ids of the marked checkpoints of each run. */
export function marksByRun(rows: readonly Checkpoint[]): ReadonlyMap<string, readonly string[]> {
  const runs = new Map<string, string[]>();
  for (const { run, id } of rows) {
    const ids = runs.get(run);
    if (ids) ids.push(id);
    else runs.set(run, [id]);
  }
  return runs;
}

/** Null where nothing is chosen: a rule that keeps nothing is none. */
export function ruleFor(rule: Rule, ids: readonly string[]): PruneRule | null {
  if (rule.kind === 'marked') return ids.length === 0 ? null : { ids };
  const { last, best, metric } = rule;
  return last + best === 0 ? null : { last, best, metric };
}
