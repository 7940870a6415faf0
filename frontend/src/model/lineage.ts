/** Which session a session continues, also across runs. Pure. */
import type { RunModel } from './run';

export interface Origin {
  /** Null where its run is not in the data. */
  readonly run: string | null;
  /** Its number in that run, counted from one. */
  readonly session: number;
}

/** What a session of a run continues; null when it began anew. */
export type Lineage = (model: RunModel, session: number) => Origin | null;

export function lineageOf(models: Iterable<RunModel>): Lineage {
  const places = new Map<string, Origin>();
  for (const { name, timeline } of models) {
    timeline.sessions.forEach(({ id }, i) => void places.set(id, { run: name, session: i + 1 }));
  }
  return ({ timeline }, session) => {
    const parent = timeline.sessions[session]?.parent ?? null;
    if (parent === null) return null;
    return places.get(parent) ?? { run: null, session: 0 };
  };
}

/** The other run that a run was begun from; null for one that began anew. */
export function originRun(model: RunModel, lineage: Lineage): string | null {
  const run = lineage(model, 0)?.run ?? null;
  return run === model.name ? null : run;
}
