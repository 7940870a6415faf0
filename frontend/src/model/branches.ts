/**
 * Which parts of a history were left behind, because the training went back and took another way.
 *
 * A row is abandoned when a later one of the same session, or of a session that continues it, did its
 * step again. Pure. Invariant: inside of a piece x increases on every axis, so that drawing can
 * search it.
 */
import type { History, Session, Timeline } from '../api/types';
import type { Position } from './axis';

/** Rows `from` up to, not including, `to` of the history. */
export interface Piece {
  readonly from: number;
  readonly to: number;
  /** The row that the piece continues; null where a line begins. */
  readonly after: number | null;
  readonly abandoned: boolean;
}

export interface Branches {
  readonly pieces: readonly Piece[];
  /** Whether what happened there belongs to a part that was left behind. */
  abandoned(position: Position): boolean;
}

type Rows = Pick<History, 'session' | 'epoch' | 'step' | 'wall_time'>;

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

/** The first row of each session, and of each return to an earlier step inside of one. */
function beginnings({ session, step }: Rows): number[] {
  const rows: number[] = [];
  for (let row = 0; row < step.length; row++) {
    const goesOn = session[row] === session[row - 1] && at(step, row) > at(step, row - 1);
    if (row === 0 || !goesOn) rows.push(row);
  }
  return rows;
}

/** For every row whether it was done again later; null when none was. */
function abandonedRows(
  rows: Rows,
  starts: readonly number[],
  continues: (late: number, early: number) => boolean,
): boolean[] | null {
  const { session, epoch, step } = rows;
  if (starts.length < 2) return null;
  const flags = step.map((_, row) =>
    starts.some((start) => {
      if (start <= row || at(step, start) > at(step, row)) return false;
      const same = session[start] === session[row];
      // Steps that begin anew in a later session do not mean that its epochs do.
      if (!same && at(epoch, start) > at(epoch, row)) return false;
      return continues(at(session, start), at(session, row));
    }),
  );
  return flags.includes(true) ? flags : null;
}

/** The row that a line to `row` comes from: the last one before it on every axis, and of its lineage. */
function predecessor(
  { session, epoch, step }: Rows,
  row: number,
  continues: (late: number, early: number) => boolean,
): number | null {
  for (let before = row - 1; before >= 0; before--) {
    const earlier = at(step, before) < at(step, row) && at(epoch, before) < at(epoch, row);
    if (earlier && continues(at(session, row), at(session, before))) return before;
  }
  return null;
}

export function branches({ history, sessions }: Timeline): Branches {
  const { session, epoch, step, wall_time: wall } = history;
  const continues = lineage(sessions);
  const flags = abandonedRows(history, beginnings(history), continues);
  const isAbandoned = (row: number) => flags?.[row] ?? false;
  const pieces: Piece[] = [];
  let from = 0;
  for (let row = 1; row <= epoch.length; row++) {
    const goesOn =
      row < epoch.length &&
      at(epoch, row) > at(epoch, row - 1) &&
      at(step, row) > at(step, row - 1) &&
      at(wall, row) >= at(wall, row - 1) &&
      isAbandoned(row) === isAbandoned(row - 1);
    if (goesOn) continue;
    const after = predecessor(history, from, continues);
    pieces.push({ from, to: row, after, abandoned: isAbandoned(from) });
    from = row;
  }
  return {
    pieces,
    abandoned(position) {
      if (flags === null) return false;
      let nearest = -1;
      for (let row = 0; row < session.length; row++) {
        if (session[row] !== position.session) continue;
        const distance = Math.abs(at(wall, row) - position.wallTime);
        if (nearest < 0 || distance <= Math.abs(at(wall, nearest) - position.wallTime))
          nearest = row;
      }
      return isAbandoned(nearest);
    },
  };
}
