"""The one binary form of records, as protobuf.

This is the only module that touches protobuf; `events.proto` is the contract.

Invariant: ``decode_record(session, wall_time, encode_record(record)) == record`` for every record,
and `decode_record` answers any bytes whatever with a record or an `EventFormatError`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final, get_origin, get_type_hints

from google.protobuf.message import DecodeError, Message

from epochline import events_pb2
from epochline.errors import EventFormatError
from epochline.events import (
    CheckpointAnnotated,
    CheckpointDemoted,
    CheckpointFailed,
    CheckpointMeasured,
    CheckpointPruned,
    CheckpointRecovered,
    CheckpointSaved,
    Decision,
    EndReason,
    EpochEnded,
    Event,
    FilePart,
    Health,
    MetricsDescribed,
    Mode,
    Notice,
    Record,
    Restored,
    SaveReason,
    SessionEnded,
    SessionStarted,
    Tier,
    Topic,
    VariablesDescribed,
    Verdict,
    WeightsKind,
)

__all__ = ["SCHEMA", "decode_record", "encode_record"]

SCHEMA: Final = 1
"""Version of the record format. A reader refuses records of a higher version in words."""

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
    "variables_described": VariablesDescribed,
    "checkpoint_measured": CheckpointMeasured,
    "checkpoint_demoted": CheckpointDemoted,
    "checkpoint_recovered": CheckpointRecovered,
    "checkpoint_annotated": CheckpointAnnotated,
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
    Health: "HEALTH_",
    Tier: "TIER_",
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
    elif name == "parts":
        for part in value:
            target.parts.add(path=part.path, size_bytes=part.size_bytes, digest=part.digest)
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


def _metrics(source: Any) -> dict[str, float]:
    return {item.name: item.value for item in source.metrics}


def _directions(source: Any) -> dict[str, StrEnum]:
    modes = _MEMBERS["Mode"]
    return {item.metric: modes[item.mode] for item in source.directions if item.mode in modes}


def _parts(source: Any) -> tuple[FilePart, ...]:
    return tuple(
        FilePart(path=item.path, size_bytes=item.size_bytes, digest=item.digest)
        for item in source.parts
    )


# Fields that hold messages of their own.
_NESTED: Final[dict[str, _Reader]] = {
    "metrics": _metrics,
    "directions": _directions,
    "parts": _parts,
}


def _reader(kind: type[Event], name: str) -> _Reader:
    """Returns what reads one field; made once, because records are read by the thousand."""
    descriptor = getattr(events_pb2, kind.__name__).DESCRIPTOR.fields_by_name[name]
    get = attrgetter(name)
    if name in _NESTED:
        return _NESTED[name]
    if descriptor.enum_type is not None:
        members = _MEMBERS[descriptor.enum_type.name]
        return lambda source: members.get(get(source))
    if get_origin(get_type_hints(kind)[name]) is tuple:
        return lambda source: tuple(get(source))
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
            spec.name in ("topic", "verdict", "reason", "weights_kind", "tier"),
        )
        for spec in fields(kind)
    )
    for name, kind in _KINDS.items()
}
