"""Which way a training came to its present state, and what it left behind by going back.

Within a session the batches seen are a clock that never goes back, whatever is restored. So the way
is followed backwards: from the last batch to the last restore before it, from there to the
checkpoint that was restored, wherever that was saved, and so on to the first batch.

Pure. Invariant: a branch of the way begins where the one before it ends, and every session, restore
and checkpoint is passed at most once, whatever the records say.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from epochline.checkpoints import CheckpointEntry, Moment
from epochline.events import SessionStarted
from epochline.interventions import RestoreEntry

__all__ = ["Branch", "related", "trace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Batches of one session that led to the present state.

    Attributes:
        session: Id of the session.
        after_batch: Batches seen when it began: at the beginning of the session, or at a restore.
        after_time: Wall time of that restore; 0 at the beginning of the session.
        last_batch: Batches seen when it ended; infinite for the one that goes on.
        checkpoint: Id of the checkpoint that it began from; empty for none.
    """

    session: str
    after_batch: int
    last_batch: float
    checkpoint: str = ""
    after_time: float = 0.0

    def __contains__(self, moment: Moment) -> bool:
        """Returns whether what happened then belongs to it."""
        began = (self.after_batch, self.after_time)
        return (
            moment.session == self.session
            and began <= (moment.batch, moment.wall_time)
            and moment.batch <= self.last_batch
        )

    def begins_with(self, restore: RestoreEntry) -> bool:
        """Returns whether it was a restore that it began with."""
        began = (restore.batch, restore.wall_time) if restore.live else (0, 0.0)
        return (restore.session, restore.checkpoint, *began) == (
            self.session,
            self.checkpoint,
            self.after_batch,
            self.after_time,
        )


class _Session(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def start(self) -> SessionStarted: ...


_Place = tuple[float, float]
"""Batches seen, and the wall time for what happened behind the same batch."""


def trace(
    sessions: Sequence[_Session],
    epochs: Iterable[Moment],
    checkpoints: Iterable[CheckpointEntry],
    restores: Sequence[RestoreEntry],
) -> tuple[Branch, ...]:
    """Returns the way to the present state of a run, the first branch first.

    Args:
        sessions: Its sessions, in the order in which they began.
        epochs: The ends of its epochs.
        checkpoints: Its checkpoints.
        restores: What was restored.
    """
    by_id = {item.id: item for item in checkpoints}
    started = {item.id: item.start for item in sessions}
    rows = list(epochs)
    way: list[Branch] = []
    session = sessions[-1].id if sessions else ""
    until: _Place = (math.inf, math.inf)
    left = list(restores)
    while session in started:
        back = _last(left, session, until)
        if back is not None:
            left.remove(back)
        live = back is not None and back.live
        began = (back.batch, back.wall_time) if back is not None and live else (0, 0.0)
        source = back.checkpoint if back is not None else ""
        way.append(
            Branch(
                session=session,
                after_batch=began[0],
                after_time=began[1],
                last_batch=until[0],
                checkpoint=source,
            )
        )
        found = by_id.get(source)
        if found is not None:
            session, until = found.session, (found.batch, found.wall_time)
        elif live:
            until = began  # it is not known any more
        else:
            start = started.pop(session)
            session = start.parent
            until = _end(rows, session, start.initial_epoch)
    return tuple(reversed(way))


def related(sessions: Sequence[_Session], way: Iterable[Branch]) -> frozenset[str]:
    """Returns the sessions that the way passed, and those that began as one of them did.

    Others are another training in the same directory.

    Args:
        sessions: The sessions of the run.
        way: The way to its present state.
    """
    parents = {item.id: item.start.parent for item in sessions}
    roots = {item.id: _root(item.id, parents) for item in sessions}
    passed = {roots[branch.session] for branch in way}
    return frozenset(session for session, root in roots.items() if root in passed)


def _root(session: str, parents: Mapping[str, str]) -> str:
    seen = set[str]()
    while parents[session] in parents and session not in seen:
        seen.add(session)
        session = parents[session]
    return session


def _last(restores: Sequence[RestoreEntry], session: str, until: _Place) -> RestoreEntry | None:
    """Returns the last restore of a session before a place."""
    before = [r for r in restores if r.session == session and (r.batch, r.wall_time) < until]
    return max(before, key=lambda r: (r.batch, r.wall_time), default=None)


def _end(rows: Iterable[Moment], session: str, epoch: int) -> _Place:
    """Returns where a session ended its last epoch before one that another session begins with."""
    ends = [(r.batch, r.wall_time) for r in rows if r.session == session and r.epoch < epoch]
    return max(ends, default=(0, 0.0))
