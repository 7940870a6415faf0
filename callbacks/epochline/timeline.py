"""From records to the timeline of a run: checkpoints, decisions, sessions, metrics, gaps.

What became of the checkpoints is in `checkpoints.py`, what people did to a training while it ran in
`interventions.py`, what was left behind by going back in `branches.py`.

Pure: records and facts about files in, values out; no files, clock, Keras or TensorBoard.

Invariant: the result depends only on the records, not on the order in which they are given; a
record that is given twice counts once. A gap in the sequence numbers of a session is told, never
hidden.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import cached_property
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Final

from epochline import sentences
from epochline.branches import Branch, related, trace
from epochline.checkpoints import (
    CheckpointEntry,
    Moment,
    Status,
    collect_checkpoints,
    events_in,
    moment_of,
    values_of,
)
from epochline.errors import CheckpointNotFoundError, MetricNotFoundError
from epochline.events import (
    ACTIONS,
    Decision,
    EndReason,
    EpochEnded,
    MetricsDescribed,
    Mode,
    Notice,
    Record,
    RequestAnswered,
    Restored,
    SessionEnded,
    SessionStarted,
    Verdict,
)
from epochline.interventions import (
    RequestEntry,
    RestoreEntry,
    collect_requests,
    collect_restores,
)
from epochline.monitor import infer_mode, rank_key

__all__ = [
    "Branch",
    "CheckpointEntry",
    "DecisionEntry",
    "EpochEntry",
    "Gap",
    "Moment",
    "NoticeEntry",
    "RequestEntry",
    "RestoreEntry",
    "RunState",
    "SessionEntry",
    "Status",
    "Timeline",
    "build_timeline",
]


class RunState(StrEnum):
    """What the run is doing."""

    RUNNING = "running"
    ENDED = "ended"
    UNKNOWN = "unknown"
    """The last session never said that it ended: killed, crashed, or out of sight."""


_SHOWN = 20
"""How many epochs an error message lists."""

_ACTED = frozenset(
    {
        Verdict.SAVED,
        Verdict.CHANGED,
        Verdict.STOPPED,
        Verdict.WEIGHTS_RESTORED,
        Verdict.RESTORED,
    }
)


@dataclass(frozen=True, kw_only=True)
class DecisionEntry(Decision, Moment):
    """A decision and when it was made."""

    @property
    def acted(self) -> bool:
        """Whether something happened, as opposed to a "no" such as patience 3/20."""
        return self.verdict in _ACTED

    @property
    def sentence(self) -> str:
        """The decision in one sentence."""
        return sentences.describe(self)


@dataclass(frozen=True, kw_only=True)
class EpochEntry(Moment):
    """An epoch that was trained to its end."""

    metrics: Mapping[str, float]
    duration_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class NoticeEntry(Moment):
    """Something the user should know."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class SessionEntry:
    """One `fit` call of one process.

    Attributes:
        id: Its identity.
        started: Wall time of its first record.
        ended: Wall time of its end; None when it never said that it ended.
        last_wall_time: Wall time of its last record.
        last_epoch: Last zero-based epoch that ended; None before the first.
        end: Why it ended; None when it never said so.
        start: What was known when it began.
    """

    id: str
    started: float
    ended: float | None
    last_wall_time: float
    last_epoch: int | None
    end: SessionEnded | None
    start: SessionStarted

    @property
    def end_reason(self) -> EndReason | None:
        """Why it ended; None when it never said so."""
        return self.end.reason if self.end else None

    def message(self, *, running: bool) -> str:
        """Returns in one sentence why it ended, or what it is doing.

        Args:
            running: Whether its process is known to live.
        """
        if self.end is not None:
            return sentences.session_end(self.end, self.last_epoch)
        if running:
            epoch = self.start.initial_epoch if self.last_epoch is None else self.last_epoch + 1
            planned = self.start.planned_epochs
            return f"Training epoch {epoch + 1}" + (f" of {planned}." if planned else ".")
        when = (
            "before its first epoch ended"
            if self.last_epoch is None
            else f"after epoch {self.last_epoch + 1}"
        )
        return f"Ended without a word {when} (killed or crashed)."


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Records of a session that are missing between two that are there."""

    session: str
    first_seq: int
    last_seq: int

    @property
    def message(self) -> str:
        """The gap in one sentence."""
        count = self.last_seq - self.first_seq + 1
        return (
            f"{count} record{'' if count == 1 else 's'} of session {self.session} "
            f"({self.first_seq} to {self.last_seq}) could not be read; what happened then "
            "is not shown."
        )


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """All that is known of a run; every list is in the order in which things happened."""

    records: tuple[Record, ...]
    sessions: tuple[SessionEntry, ...]
    checkpoints: tuple[CheckpointEntry, ...]
    restores: tuple[RestoreEntry, ...]
    requests: tuple[RequestEntry, ...]
    notices: tuple[NoticeEntry, ...]
    gaps: tuple[Gap, ...]
    directions: Mapping[str, Mode]

    @cached_property
    def epochs(self) -> tuple[EpochEntry, ...]:
        """Every epoch that was trained to its end; made when it is first asked for."""
        return tuple(
            EpochEntry(
                **moment_of(record), metrics=event.metrics, duration_seconds=event.duration_seconds
            )
            for record, event in events_in(self.records, EpochEnded)
        )

    @cached_property
    def lineage(self) -> tuple[Branch, ...]:
        """The way from the first batch to the present state, branch by branch.

        What is in none of them was left behind when the training went back.
        """
        return trace(self.sessions, self.epochs, self.checkpoints, self.restores)

    @cached_property
    def abandoned(self) -> tuple[EpochEntry, ...]:
        """The epochs that were left behind when the training went back."""
        flags = self.left_behind(self.epochs)
        return tuple(row for row, left in zip(self.epochs, flags, strict=True) if left)

    def left_behind(self, moments: Sequence[Moment]) -> list[bool]:
        """Returns for each moment whether it was left behind when the training went back.

        What belongs to another training in the same directory was not. A restore was, unless the
        way to the present state begins anew with it.

        Args:
            moments: Epochs, checkpoints, decisions, restores of this timeline.
        """
        way, sessions = self.lineage, self._related
        if not self.restores and len(sessions) < 2:  # noqa: PLR2004 -- nothing to go back to
            return [False] * len(moments)
        return [
            moment.session in sessions
            and not any(
                branch.begins_with(moment) if isinstance(moment, RestoreEntry) else moment in branch
                for branch in way
            )
            for moment in moments
        ]

    @cached_property
    def _places(self) -> Mapping[str, int]:
        """Place of each checkpoint by its id."""
        return {item.id: place for place, item in enumerate(self.checkpoints)}

    @cached_property
    def _related(self) -> frozenset[str]:
        return related(self.sessions, self.lineage)

    @property
    def epoch_count(self) -> int:
        """How many epochs were trained to their end; one that was trained again counts once."""
        return len({record.epoch for record in self.records if EpochEnded in record.kinds})

    @cached_property
    def decisions(self) -> tuple[DecisionEntry, ...]:
        """Every verdict with its reason and numbers; made when it is first asked for.

        Most records are decisions, and most questions are not about them.
        """
        return tuple(_decided(record, event) for record, event in events_in(self.records, Decision))

    @cached_property
    def acts(self) -> tuple[DecisionEntry, ...]:
        """The decisions after which something happened; they are few."""
        return tuple(
            _decided(record, event)
            for record, event in events_in(self.records, Decision)
            if event.verdict in _ACTED
        )

    @property
    def monitor(self) -> str | None:
        """The metric by which the newest session that had one ranks its checkpoints."""
        return next((s.start.monitor for s in reversed(self.sessions) if s.start.monitor), None)

    @property
    def last_wall_time(self) -> float:
        """Wall time of the newest record, 0 when there is none."""
        return max((s.last_wall_time for s in self.sessions), default=0.0)

    @cached_property
    def metric_names(self) -> tuple[str, ...]:
        """Names of all metrics of the run, in the order in which they first came up."""
        return tuple(dict.fromkeys(name for row in self.epochs for name in row.metrics))

    def state(self, *, alive: bool | None) -> RunState:
        """Returns what the run is doing.

        Args:
            alive: Whether a process is known to write to the run; None when it cannot be known.
        """
        if self.sessions and self.sessions[-1].end is not None:
            return RunState.ENDED
        return RunState.RUNNING if alive else RunState.UNKNOWN

    def mode(self, metric: str) -> Mode:
        """Returns which direction of `metric` is better."""
        for session in reversed(self.sessions):
            if session.start.monitor == metric and session.start.mode is not None:
                return session.start.mode
        return infer_mode(metric, self.directions)

    def history(self, *, stitched: bool = False) -> dict[str, list[float]]:
        """Returns metric name to values per epoch, as `History.history` holds them.

        A metric that an epoch did not have (`validation_freq`) has no value for it there, as in
        Keras. An epoch that was trained again by a later session counts as that session left it.

        Args:
            stitched: Whether to leave out the epochs that were left behind by going back.
        """
        way = self.lineage
        rows = {
            row.epoch: row
            for row in self.epochs
            if not stitched or any(row in branch for branch in way)
        }
        values: dict[str, list[float]] = {name: [] for name in self.metric_names}
        for epoch in sorted(rows):
            for name, value in rows[epoch].metrics.items():
                values[name].append(value)
        return values

    def best(self, metric: str, mode: Mode | None = None) -> CheckpointEntry:
        """Returns the restorable checkpoint with the best `metric`; of equal ones the later.

        Those whose weights are known to be bad never count as the best.

        Raises:
            MetricNotFoundError: If no checkpoint has a value of that metric.
            CheckpointNotFoundError: If none with a number for it can be restored.
        """
        ranked = self._ranked(metric, mode)
        if not ranked:
            raise CheckpointNotFoundError(f"best {metric}", self._restorable())
        return min(ranked, key=itemgetter(0))[1]

    def ranked(self, metric: str, mode: Mode | None = None) -> tuple[CheckpointEntry, ...]:
        """Returns the restorable checkpoints by `metric`, the best first, as `best` sees them.

        Raises:
            MetricNotFoundError: If no checkpoint has a value of that metric.
        """
        return tuple(item for _, item in sorted(self._ranked(metric, mode), key=itemgetter(0)))

    def _ranked(self, metric: str, mode: Mode | None) -> list[tuple[float, CheckpointEntry]]:
        if not any(metric in item.metrics for item in self.checkpoints):
            names = dict.fromkeys(name for item in self.checkpoints for name in item.metrics)
            raise MetricNotFoundError(metric, names or self.metric_names)
        wanted = self.mode(metric) if mode is None else mode
        keys = [
            (rank_key(item.metrics.get(metric), wanted), item)
            for item in reversed(self.checkpoints)
            if item.restorable and item.healthy
        ]
        return [pair for pair in keys if pair[0] < math.inf]

    def latest(self) -> CheckpointEntry:
        """Returns the newest restorable checkpoint.

        Raises:
            CheckpointNotFoundError: If there is none.
        """
        for item in reversed(self.checkpoints):
            if item.restorable:
                return item
        raise CheckpointNotFoundError("latest", self._restorable())

    def at(self, epoch: int) -> CheckpointEntry:
        """Returns the newest restorable checkpoint of `epoch` (zero-based).

        Raises:
            CheckpointNotFoundError: If there is none; the message names the epochs that have one.
        """
        for item in reversed(self.checkpoints):
            if item.epoch == epoch and item.restorable:
                return item
        gone = [item for item in self.checkpoints if item.epoch == epoch]
        why = f"{gone[-1].why} " if gone else ""
        raise CheckpointNotFoundError(
            f"epoch={epoch} (epoch {epoch + 1} as Keras prints it)", why + self._restorable()
        )

    def by_id(self, checkpoint_id: str) -> CheckpointEntry:
        """Returns the checkpoint whose id is, or alone begins with, `checkpoint_id`.

        Raises:
            CheckpointNotFoundError: If there is none, or more than one.
        """
        if checkpoint_id in self._places:
            return self.checkpoints[self._places[checkpoint_id]]
        found = [item for item in self.checkpoints if item.id.startswith(checkpoint_id)]
        if len(found) == 1 and checkpoint_id:
            return found[0]
        what = f"{len(found)} ids begin so. " if found else ""
        raise CheckpointNotFoundError(f"id {checkpoint_id!r}", what + self._restorable())

    def with_files(self, sizes: Mapping[str, int | None]) -> Timeline:
        """Returns the timeline with the status of each checkpoint checked against its file.

        Args:
            sizes: Path as in `CheckpointEntry.path` to the size of the file in bytes, None when it
                is gone.
        """
        return replace(self, checkpoints=tuple(item.checked(sizes) for item in self.checkpoints))

    def files(self) -> Iterator[str]:
        """Yields the path of each file that says what became of a checkpoint."""
        for item in self.checkpoints:
            yield from item.files()

    def _restorable(self) -> str:
        epochs = sorted({item.epoch for item in self.checkpoints if item.restorable})
        if not epochs:
            return "This run has no checkpoint that can be restored."
        shown = [str(epoch) for epoch in epochs]
        if len(shown) > _SHOWN:
            shown[_SHOWN // 2 : -_SHOWN // 2] = ["…"]
        return f"Checkpoints that can be restored: epoch={', '.join(shown)}."


def build_timeline(records: Iterable[Record]) -> Timeline:
    """Returns the timeline of the run that wrote `records`.

    Args:
        records: Records of one run, in any order; those given twice count once.
    """
    # Without locks, two processes may number what they do by hand alike.
    unique = {_PLACE(record): record for record in records}
    sessions = _by_session(unique[place] for place in sorted(unique))
    by_hand = sessions.pop(ACTIONS, [])
    sessions = {
        name: sorted(sessions[name], key=attrgetter("seq"))
        for name in sorted(sessions, key=lambda name: (sessions[name][0].wall_time, name))
    }
    ordered = list(chain.from_iterable(sessions.values()))
    holding = _by_kind(ordered)
    directions: dict[str, Mode] = {}
    for _, described in events_in(holding[MetricsDescribed], MetricsDescribed):
        directions.update(described.directions)
    return Timeline(
        records=tuple(ordered),
        sessions=_sessions(sessions, holding),
        checkpoints=collect_checkpoints(ordered, by_hand),
        restores=collect_restores(holding[Restored]),
        requests=collect_requests(holding[RequestAnswered]),
        notices=tuple(
            NoticeEntry(**moment_of(record), **values_of(event))
            for record, event in events_in(holding[Notice], Notice)
        ),
        gaps=_gaps(sessions),
        directions=directions,
    )


_PLACE: Final = attrgetter("wall_time", "session", "seq")
_SLOTS: Final = {spec.name: getattr(Decision, spec.name) for spec in fields(Decision)}
_NUMBERS: Final = attrgetter(*_SLOTS)


def _decided(record: Record, event: Decision) -> DecisionEntry:
    # As its constructor, in a fifth of the time: a long run has ten thousands of them.
    entry = object.__new__(DecisionEntry)
    vars(entry).update(moment_of(record))
    for slot, value in zip(_SLOTS.values(), _NUMBERS(event), strict=True):
        slot.__set__(entry, value)
    return entry


def _by_session(records: Iterable[Record]) -> dict[str, list[Record]]:
    sessions: dict[str, list[Record]] = {}
    for record in records:
        sessions.setdefault(record.session, []).append(record)
    return sessions


def _by_kind(records: Iterable[Record]) -> Mapping[type, list[Record]]:
    """Returns kind of event to the records that hold one."""
    holding: defaultdict[type, list[Record]] = defaultdict(list)
    for record in records:
        for kind in record.kinds:
            holding[kind].append(record)
    return holding


def _sessions(
    sessions: Mapping[str, list[Record]], holding: Mapping[type, list[Record]]
) -> tuple[SessionEntry, ...]:
    starts: dict[str, SessionStarted] = {}
    for record, start in events_in(holding[SessionStarted], SessionStarted):
        starts.setdefault(record.session, start)
    ends: dict[str, tuple[Record, SessionEnded]] = {}
    for record, end in events_in(holding[SessionEnded], SessionEnded):
        ends.setdefault(record.session, (record, end))
    epochs = _by_session(holding[EpochEnded])
    return tuple(
        SessionEntry(
            id=name,
            started=records[0].wall_time,
            ended=ends[name][0].wall_time if name in ends else None,
            last_wall_time=max(record.wall_time for record in records),
            last_epoch=max((record.epoch for record in epochs.get(name, ())), default=None),
            end=ends[name][1] if name in ends else None,
            start=starts.get(name, SessionStarted()),
        )
        for name, records in sessions.items()
    )


def _gaps(sessions: Mapping[str, list[Record]]) -> tuple[Gap, ...]:
    gaps: list[Gap] = []
    for session, own in sessions.items():
        expected = 0
        for record in own:
            if record.seq > expected:
                gaps.append(Gap(session=session, first_seq=expected, last_seq=record.seq - 1))
            expected = record.seq + 1
    return tuple(gaps)
