"""From records to checkpoints: what was saved, and what became of it since.

Pure: records and the sizes of files in, values out; no files, clock, Keras or TensorBoard.

Invariant: the result depends on the records only, not on the order in which they are given. What
happened to a checkpoint counts in the order of time, whether it was a training or somebody by hand
who did it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

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
        why: The same in words, and what became of its file.
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
        pinned: Whether somebody wants it to stay.
        note: What somebody noted.
        tags: Likewise, in words to sort by.
        trash: Where its file went when it was pruned, as `path`; empty when it was deleted.
        recoverable: Whether the file is seen to be in the trash still.
        recovered: Whether it was taken out of the trash; no training prunes it again.
        operation: Id of the prune by hand that it was part of.
        measured: Statistics of its variables as its file holds them, None when there are none.
        described: The layout that these belong to.
    """

    id: str
    path: str
    size_bytes: int | None
    digest: str | None
    metrics: Mapping[str, float]
    reason: SaveReason
    why: str
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
    pinned: bool = False
    note: str = ""
    tags: tuple[str, ...] = ()
    trash: str = ""
    recoverable: bool = False
    recovered: bool = False
    operation: str = ""
    measured: CheckpointMeasured | None = field(default=None, repr=False)
    described: VariablesDescribed | None = field(default=None, repr=False)

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
        return _changed(self, why=f"{self.why} {fate}", **changes)


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
    return {name: getattr(record, name) for name in _names(Moment)}


def values_of(event: Any) -> dict[str, Any]:
    """Returns the fields of an event, as arguments."""
    kind: Any = type(event)
    return {name: getattr(event, name) for name in _names(kind)}


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(spec.name for spec in fields(kind))


def _changed(item: CheckpointEntry, **changes: Any) -> CheckpointEntry:
    return _made(type(item), **vars(item) | changes)


def _made(kind: type[_C], **values: Any) -> _C:
    """Makes an entry in a tenth of the time of its constructor; there may be ten thousand.

    Fields that are not given have their defaults.
    """
    new = object.__new__(kind)
    vars(new).update(values)
    return new


def collect_checkpoints(
    trained: Sequence[Record], by_hand: Sequence[Record]
) -> tuple[CheckpointEntry, ...]:
    """Returns the checkpoints of a run, in the order in which they were saved.

    Args:
        trained: Records of its sessions, session by session.
        by_hand: Records of the action log, in the order of time.
    """
    entries: dict[str, CheckpointEntry] = {}
    saving = [record for record in trained if not _KINDS.isdisjoint(record.kinds)]
    for record in saving:
        for event in record.events:
            if isinstance(event, CheckpointSaved):
                entries[event.id] = _saved(record, event)
            elif isinstance(event, CheckpointFailed):
                entries[event.id] = _failed(record, event)
    # A file that was to be replaced is still there when the save of its successor failed.
    failed = {event.id for _, event in events_in(trained, CheckpointFailed)}
    adopted = _adopted(trained, by_hand, entries)
    happened = [(record, event) for record in (*saving, *by_hand) for event in record.events]
    happened.sort(key=lambda pair: pair[0].wall_time)
    fates: dict[str, str] = {}
    every = entries | adopted
    for _, event in happened:
        if isinstance(event, _FATES) and event.id in every:
            if isinstance(event, CheckpointPruned) and event.replaced_by in failed:
                continue
            every[event.id] = _after(every[event.id], event, fates)
    ordered = heapq.merge(
        (every[name] for name in entries),
        (every[name] for name in adopted),
        key=lambda item: item.wall_time,
    )
    measured = _measured(event for _, event in happened)
    return tuple(
        _told(item, fates.get(item.id, ""), measured.get(item.id, _UNMEASURED)) for item in ordered
    )


_Measured = tuple[CheckpointMeasured | None, VariablesDescribed | None]
_UNMEASURED: _Measured = None, None


def _measured(events: Iterable[Event]) -> dict[str, _Measured]:
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


def _after(item: CheckpointEntry, event: _Fate, fates: dict[str, str]) -> CheckpointEntry:
    """Returns what an event made of a checkpoint, and puts the last word on its file in `fates`."""
    if isinstance(event, CheckpointAnnotated):
        return _changed(item, pinned=event.pinned, note=event.note, tags=event.tags)
    if isinstance(event, CheckpointPruned):
        fates[item.id] = sentences.why_pruned(event)
        status = Status.FAILED if item.status is Status.FAILED else Status.PRUNED
        return _changed(item, status=status, trash=event.trash, operation=event.operation)
    if isinstance(event, CheckpointRecovered):
        fates[item.id] = "It was removed, and taken back out of the trash."
        return _changed(item, status=Status.SAVED, trash="", operation="", recovered=True)
    fates[item.id] = sentences.why_demoted(event)
    before = StoredFile(
        size_bytes=item.size_bytes,
        digest=item.digest,
        has_optimizer=item.has_optimizer,
        tier=item.tier,
    )
    return _changed(
        item,
        size_bytes=event.size_bytes,
        digest=event.digest,
        has_optimizer=False,
        tier=event.tier,
        former=(*item.former, before),
    )


def _told(item: CheckpointEntry, fate: str, measured: _Measured) -> CheckpointEntry:
    pinned = item.pinned and item.status is Status.SAVED
    return _changed(
        item,
        why=f"{item.why} {fate}".rstrip(),
        status=Status.PINNED if pinned else item.status,
        measured=measured[0],
        described=measured[1],
    )


def _adopted(
    trained: Sequence[Record], by_hand: Sequence[Record], entries: dict[str, CheckpointEntry]
) -> dict[str, CheckpointEntry]:
    """Returns the files that were taken into the run by hand; those known before are only owned."""
    adopted: dict[str, CheckpointEntry] = {}
    for record, event in events_in(by_hand, CheckpointSaved):
        if event.id in entries:
            entries[event.id] = _changed(entries[event.id], owned=event.owned)
        else:
            session = _session_at(trained, record.wall_time)
            adopted[event.id] = _changed(_saved(record, event), session=session)
    return adopted


def _session_at(trained: Sequence[Record], wall_time: float) -> str:
    """Returns the session that had begun last at a time, else the first; empty without any."""
    first = trained[0].session if trained else ""
    begun = [record for record in trained if record.wall_time <= wall_time]
    return max(begun, key=lambda record: record.wall_time).session if begun else first


@cache
def _taken_over() -> tuple[str, ...]:
    own = _names(CheckpointEntry)
    return tuple(name for name in _names(CheckpointSaved) if name in own)


def _saved(record: Record, event: CheckpointSaved) -> CheckpointEntry:
    values = {name: getattr(event, name) for name in _taken_over()}
    return _made(
        CheckpointEntry,
        **moment_of(record),
        **values,
        why=sentences.why_saved(event),
        status=Status.SAVED,
    )


def _failed(record: Record, event: CheckpointFailed) -> CheckpointEntry:
    return CheckpointEntry(
        **moment_of(record),
        id=event.id,
        path=event.path,
        size_bytes=None,
        digest=None,
        metrics=event.metrics,
        reason=SaveReason.SCHEDULED,
        why=f"Save failed: {event.message} Training went on. This checkpoint cannot be restored.",
        weights_kind=WeightsKind.RAW,
        has_optimizer=False,
        save_seconds=0.0,
        callback="",
        owned=False,
        status=Status.FAILED,
    )
