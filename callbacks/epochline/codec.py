"""The one binary form of records, as protobuf.

This is the only module that touches protobuf; `events.proto` is the contract.

Invariant: ``decode_record(session, wall_time, encode_record(record)) == record`` for every record,
and `decode_record` answers any bytes whatever with a record or an `EventFormatError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, make_dataclass
from enum import StrEnum
from functools import lru_cache, partial
from itertools import takewhile
from operator import attrgetter
from typing import Any, Final, TypeVar, get_origin, get_type_hints

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
    Outcome,
    Record,
    RequestAnswered,
    Restored,
    SaveReason,
    SessionEnded,
    SessionStarted,
    Tier,
    Topic,
    UnreadEvents,
    VariablesDescribed,
    Verdict,
    WeightsKind,
)

__all__ = ["SCHEMA", "decode_record", "encode_record"]

SCHEMA: Final = 1
"""Version of the record format. A reader refuses records of a higher version in words."""

_VALIDATION: Final = "val_"

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
    "request_answered": RequestAnswered,
}
# Whole runs are of records that hold nothing else, and most questions are not about these.
_QUIET: Final[frozenset[type[Event]]] = frozenset({EpochEnded, Decision})
# An event without a value for these that this version knows is left out.
_REQUIRED: Final = frozenset({"topic", "verdict", "reason", "weights_kind", "tier", "outcome"})

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
    Outcome: "OUTCOME_",
}
# Name of the enum -> Python member -> number in the protobuf enum, and back.
_NUMBERS: Final[dict[str, dict[StrEnum, int]]] = {
    enum.__name__: {member: getattr(events_pb2, prefix + member.name) for member in enum}
    for enum, prefix in _ENUM_PREFIX.items()
}
_MEMBERS: Final[dict[str, dict[int, StrEnum]]] = {
    name: {number: member for member, number in numbers.items()}
    for name, numbers in _NUMBERS.items()
}


def encode_record(record: Record) -> bytes:
    """Returns the payload of one TensorBoard event for `record`."""
    message = events_pb2.Record(
        schema=SCHEMA,
        seq=record.seq,
        epoch=record.epoch,
        step=record.step,
        batch=record.batch,
        events=_encode_events(record.events),
    )
    payload: bytes = message.SerializeToString()
    return payload


def _encode_events(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Returns what makes the messages; decisions point at the metrics of their epoch."""
    messages: list[dict[str, Any]] = []
    places: dict[str | None, tuple[int, float]] = {}
    for event in events:
        form = _FORM_OF[type(event)]
        values = form.encode(event)
        if isinstance(event, EpochEnded):
            places = dict(_places(values["metrics"]))
        elif isinstance(event, Decision) and event.monitor in places:
            place, value = places[event.monitor]
            # By what is shown: NaN equals itself only so, and zeros of other sign do not.
            if repr(event.observed) == repr(value):
                del values["monitor"], values["observed"]
                values["metric"] = place
        messages.append({form.name: values})
    return messages


def _places(metrics: list[dict[str, Any]]) -> Iterator[tuple[str, tuple[int, float]]]:
    """Yields the name of each metric with its place, as `Decision.metric` counts, and its value."""
    for index, item in enumerate(metrics):
        yield item["name"], (2 * index, item["value"])
        if "validation" in item:
            yield f"{_VALIDATION}{item['name']}", (2 * index + 1, item["validation"])


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
    try:
        message = _parsed(payload)
    except DecodeError as error:
        msg = f"Session {session!r} holds {len(payload)} bytes that are not an Epochline record."
        raise EventFormatError(msg) from error
    schema, seq, epoch, step, batch, messages = _HEAD(message)
    if not 1 <= schema <= SCHEMA:
        msg = (
            f"Session {session!r} holds a record of format {schema}; this version "
            f"of Epochline reads formats 1 to {SCHEMA}. Update Epochline to see it."
        )
        raise EventFormatError(msg)
    messages = messages[:]
    names = _names(messages)
    kinds = _kinds(names)
    events: Sequence[Event]
    if _QUIET.issuperset(kinds):
        events = UnreadEvents(partial(_decode_events, payload))
    else:
        events = tuple(_known_events(names, messages))
    return _record(session, seq, wall_time, epoch, step, batch, events, kinds)


def _names(messages: Sequence[events_pb2.Event]) -> tuple[str | None, ...]:
    return tuple([message.WhichOneof("kind") for message in messages])


@lru_cache(maxsize=1024)
def _kinds(names: tuple[str | None, ...]) -> tuple[type[Event], ...]:
    return tuple(dict.fromkeys(_KINDS[name] for name in names if name is not None))


def _decode_events(payload: bytes) -> tuple[Event, ...]:
    """Returns the events in a payload that is known to be a record."""
    messages = _parsed(payload).events[:]
    return tuple(_known_events(_names(messages), messages))


def _known_events(
    names: Sequence[str | None], messages: Sequence[events_pb2.Event]
) -> Iterator[Event]:
    metrics: Any = ()
    for name, message in zip(names, messages, strict=True):
        if name is None:
            continue
        source = getattr(message, name)
        if name == "epoch_ended":
            metrics = source.metrics
        elif name == "decision" and source.HasField("metric"):
            place, validation = divmod(source.metric, 2)
            if place < len(metrics):
                item = metrics[place]
                source.monitor = f"{_VALIDATION}{item.name}" if validation else item.name
                source.observed = item.validation if validation else item.value
        event = _FORMS[name].decode(source)
        if event is not None:
            yield event


_V = TypeVar("_V")


def _maker(kind: type[_V]) -> Callable[..., _V]:
    """Returns what makes values of a frozen class from its fields, in their order.

    A frozen dataclass calls a method to set each field; a class of the same slots that is not
    frozen takes a fifth of the time.
    """
    names = [spec.name for spec in fields(kind)]  # type: ignore[arg-type]
    thawed = make_dataclass(kind.__name__, names, eq=False, repr=False, slots=True)

    def make(*values: object) -> Any:
        value = thawed(*values)
        value.__class__ = kind
        return value

    return make


class _Form:
    """The binary form of one kind of event; made once, because records are read by the thousand.

    Args:
        name: Field of `Event` in events.proto.
        kind: The kind.

    Attributes:
        name: As given.
    """

    def __init__(self, name: str, kind: type[Event]) -> None:
        self.name = name
        self._make = _maker(kind)
        self._fields = tuple(spec.name for spec in fields(kind))
        # Of a single name it would return the bare value, so there is one more.
        self._values: Callable[[Any], Sequence[Any]] = attrgetter(*self._fields, "__class__")
        message: type[Message] = getattr(events_pb2, kind.__name__)
        types = get_type_hints(kind)
        self._optional: list[tuple[int, str]] = []
        self._required: list[int] = []
        self._to_message: list[tuple[str, _Convert]] = []
        self._to_event: list[tuple[int, _Convert]] = []
        for place, field in enumerate(self._fields):
            descriptor = message.DESCRIPTOR.fields_by_name[field]
            if field in _NESTED:
                to_message, to_event = _NESTED[field]
                self._to_message.append((field, to_message))
                self._to_event.append((place, to_event))
            elif descriptor.enum_type is not None:
                enum = descriptor.enum_type.name
                self._to_message.append((field, _NUMBERS[enum].__getitem__))
                self._to_event.append((place, _MEMBERS[enum].get))
            elif get_origin(types[field]) is tuple:
                self._to_event.append((place, _tuple))
            elif descriptor.has_presence:
                self._optional.append((place, field))
            if field in _REQUIRED:
                self._required.append(place)

    def encode(self, event: Event) -> dict[str, Any]:
        """Returns the fields of the message for `event`."""
        pairs = zip(self._fields, self._values(event), strict=False)
        values = {name: value for name, value in pairs if value is not None}
        for name, convert in self._to_message:
            if name in values:
                values[name] = convert(values[name])
        return values

    def decode(self, message: Message) -> Event | None:
        """Returns the event in `message`, None when this version does not know what it says."""
        *values, _ = self._values(message)
        for place, name in self._optional:
            if not values[place] and not message.HasField(name):
                values[place] = None
        for place, convert in self._to_event:
            values[place] = convert(values[place])
        for place in self._required:
            if values[place] is None:
                return None
        return self._make(*values)


_Convert = Callable[[Any], Any]

# Repeated fields are sliced before they are gone through: protobuf ends their own iteration with an
# exception whose text it formats, which takes longer than the items do.


def _tuple(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(values[:])


def _metric_messages(metrics: Mapping[str, float]) -> list[dict[str, Any]]:
    names = list(metrics)
    paired = list(takewhile(lambda name: f"{_VALIDATION}{name}" in metrics, names))
    validation = [f"{_VALIDATION}{name}" for name in paired]
    messages = [{"name": name, "value": value} for name, value in metrics.items()]
    if names[len(paired) : 2 * len(paired)] != validation:
        return messages  # the order could not be told from the pairs
    for message, name in zip(messages, validation, strict=False):
        message["validation"] = metrics[name]
    return messages[: len(paired)] + messages[2 * len(paired) :]


def _metrics(messages: Sequence[events_pb2.Metric]) -> dict[str, float]:
    values: dict[str, float] = {}
    validation: dict[str, float] = {}
    for item in messages[:]:
        name, number = item.name, item.validation
        if number or item.HasField("validation"):
            validation[_VALIDATION + name] = number
        elif validation:
            values.update(validation)
            validation = {}
        values[name] = item.value
    values.update(validation)
    return values


def _direction_messages(directions: Mapping[str, Mode]) -> list[dict[str, Any]]:
    numbers = _NUMBERS["Mode"]
    return [{"metric": metric, "mode": numbers[mode]} for metric, mode in directions.items()]


def _directions(messages: Sequence[events_pb2.Direction]) -> dict[str, StrEnum]:
    modes = _MEMBERS["Mode"]
    return {item.metric: modes[item.mode] for item in messages if item.mode in modes}


def _part_messages(parts: Sequence[FilePart]) -> list[dict[str, Any]]:
    return [asdict(part) for part in parts]


def _parts(messages: Sequence[events_pb2.FilePart]) -> tuple[FilePart, ...]:
    return tuple(
        [
            FilePart(
                path=item.path, size_bytes=item.size_bytes, digest=item.digest, shared=item.shared
            )
            for item in messages[:]
        ]
    )


# Fields that hold messages of their own: how they are written, and read.
_NESTED: Final[dict[str, tuple[_Convert, _Convert]]] = {
    "metrics": (_metric_messages, _metrics),
    "directions": (_direction_messages, _directions),
    "parts": (_part_messages, _parts),
}
_FORMS: Final = {name: _Form(name, kind) for name, kind in _KINDS.items()}
_FORM_OF: Final = {kind: _FORMS[name] for name, kind in _KINDS.items()}
_parsed: Final = events_pb2.Record.FromString  # to look it up takes a third of its time
_HEAD: Final = attrgetter("schema", "seq", "epoch", "step", "batch", "events")
_record: Final = _maker(Record)
