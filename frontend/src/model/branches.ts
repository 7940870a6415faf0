/**
 * The lines of a history: what led to the present state, and what was left behind, because the training
 * went back and took another way. Which rows are of which kind is told by the server.
 *
 * Pure. Invariant: inside of a piece x increases on every axis, so that drawing can search it.
 */
import type { History, Session, Timeline } from '../api/types';

/** Rows `from` up to, not including, `to` of the history. */
export interface Piece {
  readonly from: number;
  readonly to: number;
  /** The row that the piece continues; null where a line begins. */
  readonly after: number | null;
  readonly abandoned: boolean;
}

const at = (column: readonly number[], row: number) => Number(column[row]);

/** Whether session `late` is `early`, or continues it, directly or not. */
function lineage(sessions: readonly Session[]): (late: number, early: number) => boolean {
  const indexOf = new Map(sessions.map(({ id }, index) => [id, index]));
  const parent = sessions.map((session) => indexOf.get(session.parent ?? ''));
  return (late, early) => {
    let session: number | undefined = late;
    // A parent always came before; what claims otherwise is not followed.
    while (session !== undefined && session > early) {
      const next: number | undefined = parent[session];
      session = next !== undefined && next < session ? next : undefined;
    }
    return session === early;
  };
}

/**
 * The row that a line to `row` comes from: the last one before it on every axis, and of its lineage. What
 * led to the present state never comes from what was left behind.
 */
function predecessor(
  { session, epoch, step, abandoned }: History,
  row: number,
  continues: (late: number, early: number) => boolean,
): number | null {
  for (let before = row - 1; before >= 0; before--) {
    const earlier = at(step, before) < at(step, row) && at(epoch, before) < at(epoch, row);
    const possible = earlier && (abandoned[row] || !abandoned[before]);
    if (possible && continues(at(session, row), at(session, before))) return before;
  }
  return null;
}

export function pieces({ history, sessions }: Timeline): readonly Piece[] {
  const { epoch, step, wall_time: wall, abandoned } = history;
  const continues = lineage(sessions);
  const found: Piece[] = [];
  let from = 0;
  for (let row = 1; row <= epoch.length; row++) {
    const goesOn =
      row < epoch.length &&
      at(epoch, row) > at(epoch, row - 1) &&
      at(step, row) > at(step, row - 1) &&
      at(wall, row) >= at(wall, row - 1) &&
      abandoned[row] === abandoned[row - 1];
    if (goesOn) continue;
    const after = predecessor(history, from, continues);
    found.push({ from, to: row, after, abandoned: abandoned[from] ?? false });
    from = row;
  }
  return found;
}
