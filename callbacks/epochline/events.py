"""What can happen in a run: frozen values, and their one binary form.

This is the only module that touches protobuf; `events.proto` is the contract, a class here mirrors
each of its messages field by field. It knows neither files nor TensorBoard nor Keras.

Invariant: ``decode_record(session, wall_time, encode_record(record)) == record`` for every record,
and `decode_record` answers any bytes whatever with a record or an `EventFormatError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final

from google.protobuf.message import DecodeError, Message

from epochline import events_pb2
from epochline.errors import EventFormatError

__all__ = [
    "SCHEMA",
    "CheckpointFailed",
    "CheckpointPruned",
    "CheckpointSaved",
    "Decision",
    "EndReason",
    "EpochEnded",
    "Event",
    "MetricsDescribed",
    "Mode",
    "Notice",
    "Record",
    "Restored",
    "SaveReason",
    "SessionEnded",
    "SessionStarted",
    "Topic",
    "Verdict",
    "WeightsKind",
    "decode_record",
    "encode_record",
]

SCHEMA: Final = 1
"""Version of the record format. A reader refuses records of a higher version in words."""

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Mode(StrEnum):
    """Which direction of a metric is better."""

    MIN = "min"
    MAX = "max"


class Topic(StrEnum):
    """What a decision is about."""

    CHECKPOINT = "checkpoint"
    LEARNING_RATE = "learning_rate"
    STOP = "stop"
    RESTORE = "restore"


class Verdict(StrEnum):
    """What was decided."""

    SAVED = "saved"
    NOT_SAVED = "not_saved"
    IMPROVED = "improved"
    WAITING = "waiting"
    CHANGED = "changed"
    AT_FLOOR = "at_floor"
    COOLING_DOWN = "cooling_down"
    WARMING_UP = "warming_up"
    STOPPED = "stopped"
    WEIGHTS_RESTORED = "weights_restored"
    METRIC_MISSING = "metric_missing"
    RESTORED = "restored"


class EndReason(StrEnum):
    """Why a session ended."""

    COMPLETED = "completed"
    EARLY_STOPPING = "early_stopping"
    NAN = "nan"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


class SaveReason(StrEnum):
    """Why a checkpoint was saved."""

    BEST = "best"
    SCHEDULED = "scheduled"
    MANUAL = "manual"


class WeightsKind(StrEnum):
    """Which weights were in the model when it was saved."""

    RAW = "raw"
    EMA = "ema"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted:
    """One `fit` call of one process began."""

    parent: str = ""
    initial_epoch: int = 0
    planned_epochs: int | None = None
    steps_per_epoch: int | None = None
    backend: str = ""
    keras_version: str = ""
    model_name: str = ""
    host: str = ""
    pid: int = 0
    callbacks: tuple[str, ...] = ()
    monitor: str | None = None
    mode: Mode | None = None
    save: str = ""
    keep: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded:
    """A session ended and could still say so."""

    reason: EndReason
    callback: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochEnded:
    """An epoch ended with these metrics (`learning_rate` among them)."""

    metrics: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    duration_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsDescribed:
    """Which direction of each metric is better, as Keras knows it."""

    directions: Mapping[str, Mode] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A verdict of one callback, with the numbers behind it; also when the verdict is "no".

    Attributes:
        callback: Class name of the cause.
        position: Its place in the list given to `fit`, counted from 0.
        topic: What was decided about.
        verdict: What was decided.
        monitor: Name of the metric that was looked at.
        mode: Which direction of it is better.
        observed: Its value.
        best: The value that had to be beaten (before this decision).
        best_epoch: Zero-based epoch of `best`.
        min_delta: Smallest change that counts, never negative.
        baseline: Value that must be beaten before waiting starts anew.
        wait: Epochs without improvement so far.
        patience: Epochs without improvement that are put up with.
        cooldown: Epochs of cooldown still to come.
        start_from_epoch: First zero-based epoch that counts.
        lr_before: Learning rate before the hook.
        lr_after: Learning rate after it.
        min_lr: Lower bound of the learning rate.
        optimizer: Which optimizer, when the model has several.
        path: File in question.
        detail: More, in words.
    """

    callback: str
    topic: Topic
    verdict: Verdict
    position: int | None = None
    monitor: str | None = None
    mode: Mode | None = None
    observed: float | None = None
    best: float | None = None
    best_epoch: int | None = None
    min_delta: float | None = None
    baseline: float | None = None
    wait: int | None = None
    patience: int | None = None
    cooldown: int | None = None
    start_from_epoch: int | None = None
    lr_before: float | None = None
    lr_after: float | None = None
    min_lr: float | None = None
    optimizer: str = ""
    path: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSaved:
    """A checkpoint file is complete and durable under its final name."""

    id: str
    path: str
    size_bytes: int
    digest: str
    metrics: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    reason: SaveReason = SaveReason.SCHEDULED
    weights_kind: WeightsKind = WeightsKind.RAW
    has_optimizer: bool = False
    save_seconds: float = 0.0
    callback: str = ""
    owned: bool = True
    monitor: str | None = None
    mode: Mode | None = None
    observed: float | None = None
    best: float | None = None
    best_epoch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFailed:
    """A save failed; the file that was there before, if any, is untouched."""

    id: str
    path: str
    message: str
    errno: int | None = None
    metrics: Mapping[str, float] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointPruned:
    """The file of a checkpoint was deleted by a retention policy, or replaced by a newer one."""

    id: str
    policy: str = ""
    freed_bytes: int = 0
    replaced_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """The weights of an earlier checkpoint were loaded into the model of this session."""

    checkpoint: str
    session: str = ""
    checkpoint_epoch: int = 0
    what: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something the user should know, told once a session."""

    code: str
    message: str
    hint: str = ""


Event = (
    SessionStarted
    | SessionEnded
    | EpochEnded
    | MetricsDescribed
    | Decision
    | CheckpointSaved
    | CheckpointFailed
    | CheckpointPruned
    | Restored
    | Notice
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What happened at one moment of a session: the unit of writing and of loss.

    Attributes:
        session: Id of the session, 16 hexadecimal digits.
        seq: Number of the record in its session, from 0 without holes.
        wall_time: Seconds since the Unix epoch.
        epoch: Zero-based epoch, as Keras hooks count.
        step: Optimizer updates done (`optimizer.iterations`).
        batch: Training batches seen in this `fit`.
        events: What happened, in order.
    """

    session: str
    seq: int
    wall_time: float
    epoch: int
    step: int
    batch: int
    events: tuple[Event, ...]


# The kinds of `Event.kind` in events.proto, by the name of their field there.
_KINDS: Final[dict[str, type[Event]]] = {
    "session_started": SessionStarted,
    "session_ended": SessionEnded,
    "epoch_ended": EpochEnded,
    "metrics_described": MetricsDescribed,
    "decision": Decision,
    "checkpoint_saved": CheckpointSaved,
    "checkpoint_failed": CheckpointFailed,
    "checkpoint_pruned": CheckpointPruned,
    "restored": Restored,
    "notice": Notice,
}
_FIELD_OF_KIND: Final = {kind: name for name, kind in _KINDS.items()}

# Python enum -> the prefix that protobuf wants before each of its names.
_ENUM_PREFIX: Final[dict[type[StrEnum], str]] = {
    Mode: "MODE_",
    Topic: "TOPIC_",
    Verdict: "VERDICT_",
    EndReason: "END_REASON_",
    SaveReason: "SAVE_REASON_",
    WeightsKind: "WEIGHTS_KIND_",
}
_NUMBERS: Final[dict[type[StrEnum], dict[StrEnum, int]]] = {
    enum: {member: getattr(events_pb2, prefix + member.name) for member in enum}
    for enum, prefix in _ENUM_PREFIX.items()
}
# Name of the protobuf enum -> its number -> Python member.
_MEMBERS: Final[dict[str, dict[int, StrEnum]]] = {
    enum.__name__: {number: member for member, number in numbers.items()}
    for enum, numbers in _NUMBERS.items()
}


def encode_record(record: Record) -> bytes:
    """Returns the payload of one TensorBoard event for `record`."""
    message = events_pb2.Record(
        schema=SCHEMA, seq=record.seq, epoch=record.epoch, step=record.step, batch=record.batch
    )
    for event in record.events:
        target = getattr(message.events.add(), _FIELD_OF_KIND[type(event)])
        target.SetInParent()
        for spec in fields(event):
            _set(target, spec.name, getattr(event, spec.name))
    payload: bytes = message.SerializeToString()
    return payload


def _set(target: Any, name: str, value: Any) -> None:
    if value is None:
        return
    if name == "metrics":
        for key, number in value.items():
            target.metrics.add(name=key, value=number)
    elif name == "directions":
        for key, mode in value.items():
            target.directions.add(metric=key, mode=_NUMBERS[Mode][mode])
    elif isinstance(value, tuple):
        getattr(target, name).extend(value)
    elif isinstance(value, StrEnum):
        setattr(target, name, _NUMBERS[type(value)][value])
    else:
        setattr(target, name, value)


def decode_record(session: str, wall_time: float, payload: bytes) -> Record:
    """Returns the record in `payload`.

    Events of kinds, verdicts or reasons that this version does not know are left out, so that an
    old reader can show the rest of a newer run.

    Args:
        session: Id of the session, from the tag.
        wall_time: Seconds since the Unix epoch, from the TensorBoard event.
        payload: What `encode_record` made.

    Raises:
        EventFormatError: If the bytes are not a record, or of a newer format.
    """
    message = events_pb2.Record()
    try:
        message.ParseFromString(payload)
    except DecodeError as error:
        msg = f"Session {session!r} holds {len(payload)} bytes that are not an Epochline record."
        raise EventFormatError(msg) from error
    if not 1 <= message.schema <= SCHEMA:
        msg = (
            f"Session {session!r} holds a record of format {message.schema}; this version "
            f"of Epochline reads formats 1 to {SCHEMA}. Update Epochline to see it."
        )
        raise EventFormatError(msg)
    return Record(
        session=session,
        seq=message.seq,
        wall_time=wall_time,
        epoch=message.epoch,
        step=message.step,
        batch=message.batch,
        events=tuple(event for item in message.events if (event := _decode_event(item))),
    )


def _decode_event(message: events_pb2.Event) -> Event | None:
    name = message.WhichOneof("kind")
    if name is None:
        return None
    source: Message = getattr(message, name)
    values: dict[str, Any] = {}
    for field_name, read, required in _READERS[name]:
        values[field_name] = value = read(source)
        if required and value is None:
            return None
    return _KINDS[name](**values)


_Reader = Callable[[Any], Any]


def _reader(kind: type[Event], name: str) -> _Reader:
    """Returns what reads one field; made once, because records are read by the thousand."""
    descriptor = getattr(events_pb2, kind.__name__).DESCRIPTOR.fields_by_name[name]
    get = attrgetter(name)
    if name == "metrics":
        return lambda source: {item.name: item.value for item in source.metrics}
    if name == "directions":
        modes = _MEMBERS["Mode"]
        return lambda source: {
            item.metric: modes[item.mode] for item in source.directions if item.mode in modes
        }
    if descriptor.enum_type is not None:
        members = _MEMBERS[descriptor.enum_type.name]
        return lambda source: members.get(get(source))
    if name == "callbacks":
        return lambda source: tuple(source.callbacks)
    if descriptor.has_presence:
        return lambda source: get(source) if source.HasField(name) else None
    return get


# Kind -> for each of its fields: name, reader, and whether an event without a value known to this
# version is left out.
_READERS: Final[dict[str, tuple[tuple[str, _Reader, bool], ...]]] = {
    name: tuple(
        (
            spec.name,
            _reader(kind, spec.name),
            spec.name in ("topic", "verdict", "reason", "weights_kind"),
        )
        for spec in fields(kind)
    )
    for name, kind in _KINDS.items()
}
