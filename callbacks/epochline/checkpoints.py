"""From records to checkpoints: what was saved, and what became of it since.

Pure: records and the sizes of files in, values out; no files, clock, Keras or TensorBoard.

Invariant: the result depends on the records only, not on the order in which they are given. What
happened to a checkpoint counts in the order of time, whether it was a training or somebody by hand
who did it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any, Final, TypeVar

from epochline import sentences
from epochline.events import (
    CheckpointAnnotated,
    CheckpointDemoted,
    CheckpointFailed,
    CheckpointMeasured,
    CheckpointPruned,
    CheckpointRecovered,
    CheckpointSaved,
    Event,
    FilePart,
    Health,
    Record,
    SaveReason,
    Tier,
    VariablesDescribed,
    WeightsKind,
)

__all__ = [
    "CheckpointEntry",
    "Moment",
    "Status",
    "StoredFile",
    "collect_checkpoints",
    "events_in",
    "moment_of",
    "values_of",
]


class Status(StrEnum):
    """What became of a checkpoint."""

    SAVED = "saved"
    PINNED = "pinned"
    PRUNED = "pruned"
    MISSING = "missing"
    CORRUPT = "corrupt"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When something happened, on all three of Keras's axes and by the clock.

    Attributes:
        session: Id of the session.
        epoch: Zero-based epoch, as Keras hooks count.
        step: Optimizer updates done (`optimizer.iterations`).
        batch: Training batches seen in that `fit`.
        wall_time: Seconds since the Unix epoch.
    """

    session: str
    epoch: int
    step: int
    batch: int
    wall_time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """The file of a checkpoint as it was before it was made smaller."""

    size_bytes: int | None
    digest: str | None
    has_optimizer: bool
    tier: Tier


@dataclass(frozen=True, kw_only=True)
class CheckpointEntry(Moment):
    """A checkpoint and what became of it.

    Attributes:
        id: Its identity, 16 hexadecimal digits.
        path: POSIX path relative to the run directory, absolute when outside of it.
        size_bytes: Size of the file when it was saved, or made smaller; None when saving failed.
        digest: Digest of the file, `xxh3-128:<hex>`; None when saving failed.
        metrics: Metrics of its epoch.
        reason: Why it was saved.
        weights_kind: Whether the model held raw or averaged (EMA) weights.
        has_optimizer: Whether the file holds the optimizer's state.
        optimizer: Class of that optimizer; empty when it is not known.
        save_seconds: How long it took until the file was durable.
        held_seconds: How long the training stood still for it.
        callback: Class name of the callback that saved it.
        owned: Whether Epochline wrote the file, and may delete it.
        status: What became of it.
        health: What a look at its weights showed; None when nobody looked.
        health_detail: The same in words, with the numbers.
        tier: How much of what was saved the file still holds.
        former: The file as it was each time before it was made smaller. One that still has such a
            size was not replaced after all.
        parts: Further files of a sharded checkpoint.
        parents: Ids of the checkpoints that it is the mean of.
        pinned: Whether somebody wants it to stay.
        note: What somebody noted.
        tags: Likewise, in words to sort by.
        trash: Where its file went when it was pruned, as `path`; empty when it was deleted.
        recoverable: Whether the file is seen to be in the trash still.
        recovered: Whether it was taken out of the trash; no training prunes it again.
        operation: Id of the prune by hand that it was part of.
        replaced_by: Id of the checkpoint that was to take its name.
        measured: Statistics of its variables as its file holds them, None when there are none.
        described: The layout that these belong to.
        origin: What was recorded when it was saved, or could not be.
        fate: What became of its file since, in words.
    """

    id: str
    path: str
    size_bytes: int | None
    digest: str | None
    metrics: Mapping[str, float]
    reason: SaveReason
    weights_kind: WeightsKind
    has_optimizer: bool
    save_seconds: float
    callback: str
    owned: bool
    status: Status
    optimizer: str = ""
    held_seconds: float = 0.0
    health: Health | None = None
    health_detail: str = ""
    tier: Tier = Tier.FULL
    former: tuple[StoredFile, ...] = ()
    parts: tuple[FilePart, ...] = ()
    parents: tuple[str, ...] = ()
    pinned: bool = False
    note: str = ""
    tags: tuple[str, ...] = ()
    trash: str = ""
    recoverable: bool = False
    recovered: bool = False
    operation: str = ""
    replaced_by: str = ""
    measured: CheckpointMeasured | None = field(default=None, repr=False)
    described: VariablesDescribed | None = field(default=None, repr=False)
    origin: CheckpointSaved | CheckpointFailed | None = field(default=None, repr=False)
    fate: str = ""

    @property
    def why(self) -> str:
        """Why it was saved, and what became of its file, in words."""
        if self.origin is None:
            return self.fate
        if isinstance(self.origin, CheckpointFailed):
            saved = sentences.why_failed(self.origin)
        else:
            saved = sentences.why_saved(self.origin)
        return f"{saved} {self.fate}".rstrip()

    @property
    def restorable(self) -> bool:
        """Whether its file is there, as far as is known without reading it."""
        return self.status in (Status.SAVED, Status.PINNED)

    @property
    def healthy(self) -> bool:
        """Whether nothing is known against its weights."""
        return self.health in (None, Health.HEALTHY)

    @property
    def total_bytes(self) -> int:
        """Bytes of all its files."""
        return (self.size_bytes or 0) + sum(part.size_bytes for part in self.parts)

    @property
    def shared_bytes(self) -> Mapping[str, int]:
        """Digest to bytes of those of its files that are one with files of other checkpoints."""
        return {part.digest: part.size_bytes for part in self.parts if part.shared}

    @property
    def stored(self) -> tuple[FilePart, ...]:
        """All its files as they were recorded, first the one that it is known by."""
        main = FilePart(path=self.path, size_bytes=self.size_bytes or 0, digest=self.digest or "")
        return (main, *self.parts)

    def files(self) -> Iterator[str]:
        """Yields the paths whose sizes `checked` asks for."""
        if self.restorable:
            yield self.path
            yield from (part.path for part in self.parts)
        elif self.status is Status.PRUNED and self.trash:
            yield self.trash

    def checked(self, sizes: Mapping[str, int | None]) -> CheckpointEntry:
        """Returns it with its status checked against its files.

        Args:
            sizes: Path to the size of the file in bytes, None when it is gone. Nothing is known of
                a path that is not in there.
        """
        pruned = self.status is Status.PRUNED
        looked_at = self.trash if pruned else self.path
        if looked_at not in sizes or not (pruned or self.restorable):
            return self
        found = sizes[looked_at]
        return self._as_stored(found)._judged(found, sizes)  # noqa: SLF001 – the same class

    def _as_stored(self, size: int | None) -> CheckpointEntry:
        """Returns it as the file has it that has that size: it may not have become smaller."""
        if size is not None and size != self.size_bytes:
            for place, stored in enumerate(self.former):
                if size == stored.size_bytes:
                    return _changed(self, **values_of(stored), former=self.former[:place])
        return self

    def _judged(self, size: int | None, sizes: Mapping[str, int | None]) -> CheckpointEntry:
        """Returns it with what its file says, which has that size."""
        if self.status is Status.PRUNED:
            if size is not None and size == self.size_bytes:
                return _changed(self, recoverable=True)
            return self._now("The trash was emptied since: metrics remain, weights do not.")
        status, fate = self._found(size, sizes)
        return self._now(fate, status=status) if fate else self

    def _found(self, size: int | None, sizes: Mapping[str, int | None]) -> tuple[Status, str]:
        if size is None:
            return Status.MISSING, "Its file is gone: deleted or moved after it was saved."
        if size != self.size_bytes:
            fate = f"Its file has {size} bytes, but {self.size_bytes} were saved: truncated or "
            return Status.CORRUPT, f"{fate}overwritten."
        for part in self.parts:
            if sizes.get(part.path, part.size_bytes) != part.size_bytes:
                return Status.CORRUPT, f"A part of it is gone or not what was saved: {part.path}."
        return self.status, ""

    def _now(self, fate: str, **changes: Any) -> CheckpointEntry:
        return _changed(self, fate=f"{self.fate} {fate}".lstrip(), **changes)


_C = TypeVar("_C", bound=CheckpointEntry)
_E = TypeVar("_E", bound=Event)


def events_in(records: Iterable[Record], kind: type[_E]) -> Iterator[tuple[Record, _E]]:
    """Yields the events of one kind, each with its record."""
    wanted: type = kind
    for record in records:
        if wanted in record.kinds:
            for event in record.events:
                if isinstance(event, kind):
                    yield record, event


def moment_of(record: Record) -> dict[str, Any]:
    """Returns when a record was written, as arguments of a `Moment`."""
    return _taker(Moment, Record)(record)


def values_of(event: Any) -> dict[str, Any]:
    """Returns the fields of an event, as arguments."""
    kind: Any = type(event)
    return _taker(kind)(event)


@cache
def _taker(*kinds: Any) -> Callable[[Any], dict[str, Any]]:
    """Returns what takes the values of the fields that all of the kinds have."""
    first, *others = [[spec.name for spec in fields(kind)] for kind in kinds]
    names = tuple(name for name in first if all(name in other for other in others))
    # Of a single name it would return the bare value, so there is one more.
    values = attrgetter(*names, "__class__")
    return lambda source: dict(zip(names, values(source), strict=False))


def _changed(item: CheckpointEntry, **changes: Any) -> CheckpointEntry:
    return _made(type(item), vars(item) | changes)


def _made(kind: type[_C], values: dict[str, Any]) -> _C:
    """Makes an entry in a fraction of the time of its constructor; there may be ten thousand.

    Fields that are not given have their defaults. The values are its own from then on.
    """
    new = object.__new__(kind)
    object.__setattr__(new, "__dict__", values)
    return new


def collect_checkpoints(
    trained: Sequence[Record], by_hand: Sequence[Record]
) -> tuple[CheckpointEntry, ...]:
    """Returns the checkpoints of a run, in the order in which they were saved.

    Args:
        trained: Records of its sessions, session by session.
        by_hand: Records of the action log, in the order of time.
    """
    entries: dict[str, _Values] = {}
    # A file that was to be replaced is still there when the save of its successor failed.
    failed: set[str] = set()
    saving = [record for record in trained if not _KINDS.isdisjoint(record.kinds)]
    for record in saving:
        for event in record.events:
            if isinstance(event, CheckpointSaved):
                entries[event.id] = _saved(record, event)
            elif isinstance(event, CheckpointFailed):
                entries[event.id] = _failed(record, event)
                failed.add(event.id)
    adopted = _adopted(trained, by_hand, entries)
    by_time = sorted((*saving, *by_hand), key=attrgetter("wall_time"))
    happened = [event for record in by_time for event in record.events]
    every = entries | adopted
    for event in happened:
        if isinstance(event, _FATES) and event.id in every:
            if isinstance(event, CheckpointPruned) and event.replaced_by in failed:
                continue
            every[event.id].update(_after(every[event.id], event))
    for name, (measured, layout) in _measured(happened).items():
        if name in every:
            every[name].update(measured=measured, described=layout)
    ordered = heapq.merge(entries.values(), adopted.values(), key=itemgetter("wall_time"))
    return tuple(_entry(values) for values in ordered)


def _entry(values: _Values) -> CheckpointEntry:
    if values.get("pinned") and values["status"] is Status.SAVED:
        values["status"] = Status.PINNED
    return _made(CheckpointEntry, values)


_Values = dict[str, Any]
"""The fields of an entry that is still being put together; those missing have their defaults."""


def _measured(
    events: Iterable[Event],
) -> dict[str, tuple[CheckpointMeasured, VariablesDescribed | None]]:
    """Returns id of a checkpoint to the statistics of its present file, and their layout."""
    layouts: dict[str, VariablesDescribed] = {}
    measured: dict[str, CheckpointMeasured] = {}
    for event in events:
        if isinstance(event, VariablesDescribed):
            layouts[event.layout] = event
        elif isinstance(event, CheckpointMeasured):
            measured[event.id] = event
        elif isinstance(event, CheckpointDemoted):
            measured.pop(event.id, None)  # they were of the larger file
    return {name: (event, layouts.get(event.layout)) for name, event in measured.items()}


_Fate = CheckpointPruned | CheckpointRecovered | CheckpointDemoted | CheckpointAnnotated
_FATES = (CheckpointPruned, CheckpointRecovered, CheckpointDemoted, CheckpointAnnotated)
_KINDS = {CheckpointSaved, CheckpointFailed, CheckpointMeasured, VariablesDescribed, *_FATES}


def _after(item: _Values, event: _Fate) -> _Values:
    """Returns what an event changed of a checkpoint."""
    if isinstance(event, CheckpointAnnotated):
        return {"pinned": event.pinned, "note": event.note, "tags": event.tags}
    if isinstance(event, CheckpointPruned):
        return {
            "status": Status.FAILED if item["status"] is Status.FAILED else Status.PRUNED,
            "trash": event.trash,
            "operation": event.operation,
            "replaced_by": event.replaced_by,
            "fate": sentences.why_pruned(event),
        }
    if isinstance(event, CheckpointRecovered) and item.get("replaced_by"):
        fate = "It was to be replaced, but the training was killed before that."
        return {"status": Status.SAVED, "replaced_by": "", "fate": fate}
    if isinstance(event, CheckpointRecovered):
        return {
            "status": Status.SAVED,
            "trash": "",
            "operation": "",
            "recovered": True,
            "fate": "It was removed, and taken back out of the trash.",
        }
    before = StoredFile(
        size_bytes=item["size_bytes"],
        digest=item["digest"],
        has_optimizer=item["has_optimizer"],
        tier=item.get("tier", Tier.FULL),
    )
    return {
        "size_bytes": event.size_bytes,
        "digest": event.digest,
        "has_optimizer": False,
        "tier": event.tier,
        "former": (*item.get("former", ()), before),
        "fate": sentences.why_demoted(event),
    }


def _adopted(
    trained: Sequence[Record], by_hand: Sequence[Record], entries: dict[str, _Values]
) -> dict[str, _Values]:
    """Returns the files that were taken into the run by hand; those known before are only owned."""
    adopted: dict[str, _Values] = {}
    for record, event in events_in(by_hand, CheckpointSaved):
        if event.id in entries:
            entries[event.id]["owned"] = event.owned
        else:
            session = _session_at(trained, record.wall_time)
            adopted[event.id] = _saved(record, event) | {"session": session}
    return adopted


def _session_at(trained: Sequence[Record], wall_time: float) -> str:
    """Returns the session that had begun last at a time, else the first; empty without any."""
    first = trained[0].session if trained else ""
    begun = [record for record in trained if record.wall_time <= wall_time]
    return max(begun, key=lambda record: record.wall_time).session if begun else first


def _saved(record: Record, event: CheckpointSaved) -> _Values:
    # One by one, in a third of the time of `_taker`; there may be ten thousand.
    return {
        "session": record.session,
        "epoch": record.epoch,
        "step": record.step,
        "batch": record.batch,
        "wall_time": record.wall_time,
        "id": event.id,
        "path": event.path,
        "size_bytes": event.size_bytes,
        "digest": event.digest,
        "metrics": event.metrics,
        "reason": event.reason,
        "weights_kind": event.weights_kind,
        "has_optimizer": event.has_optimizer,
        "save_seconds": event.save_seconds,
        "callback": event.callback,
        "owned": event.owned,
        "optimizer": event.optimizer,
        "held_seconds": event.held_seconds,
        "health": event.health,
        "health_detail": event.health_detail,
        "parts": event.parts,
        "parents": event.parents,
        "status": Status.SAVED,
        "origin": event,
    }


def _failed(record: Record, event: CheckpointFailed) -> _Values:
    own = _taker(CheckpointFailed, CheckpointEntry)(event)
    return {**moment_of(record), **own, **_NOT_SAVED, "origin": event}


_NOT_SAVED: Final[_Values] = {
    "size_bytes": None,
    "digest": None,
    "reason": SaveReason.SCHEDULED,
    "weights_kind": WeightsKind.RAW,
    "has_optimizer": False,
    "save_seconds": 0.0,
    "callback": "",
    "owned": False,
    "status": Status.FAILED,
}
