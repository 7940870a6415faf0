"""Records survive their binary form; other bytes are refused in words."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochline import events_pb2
from epochline.codec import decode_record, encode_record
from epochline.errors import EventFormatError
from epochline.events import (
    Decision,
    EpochEnded,
    Event,
    Notice,
    Record,
    SessionEnded,
    Topic,
    Verdict,
)
from tests.core.strategies import records

SESSION = "5e55100000000001"


def _record(*events: Event) -> Record:
    return Record(
        session=SESSION, seq=7, wall_time=1.5, epoch=3, step=208, batch=208, events=events
    )


@given(records)
def test_every_record_survives_its_binary_form(record: Record) -> None:
    """Decoding gives back every field of every kind of event, NaN and missing numbers included."""
    decoded = decode_record(record.session, record.wall_time, encode_record(record))
    assert repr(decoded) == repr(record)  # NaN is equal to itself only in its repr


@given(st.binary(max_size=200))
def test_any_bytes_are_a_record_or_a_format_error(payload: bytes) -> None:
    """Nothing but a record or an `EventFormatError` comes of bytes from a file."""
    with suppress(EventFormatError):
        assert isinstance(decode_record(SESSION, 0.0, payload).events[:], tuple)


@given(records, st.data())
def test_a_damaged_record_is_a_record_or_a_format_error(
    record: Record, data: st.DataObject
) -> None:
    """Also bytes that are almost a record lead to nothing else."""
    payload = bytearray(encode_record(record))
    payload[data.draw(st.integers(0, len(payload) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(EventFormatError):
        assert isinstance(decode_record(SESSION, 0.0, bytes(payload)).events[:], tuple)


@pytest.mark.parametrize("schema", [0, 2, 2**32 - 1])
def test_another_format_version_is_refused_with_what_to_do(schema: int) -> None:
    """A record of a newer format is not guessed at."""
    payload = events_pb2.Record(schema=schema).SerializeToString()
    with pytest.raises(EventFormatError, match=f"format {schema}.*Update Epochline"):
        decode_record(SESSION, 0.0, payload)


def test_kinds_of_events_are_known_before_they_are_decoded() -> None:
    """A record says what it holds, each kind once, whether it was read or made."""
    record = _record(
        EpochEnded(metrics={"loss": 0.5}),
        Decision(callback="A", topic=Topic.STOP, verdict=Verdict.WAITING),
        Decision(callback="B", topic=Topic.STOP, verdict=Verdict.WAITING),
    )
    read = decode_record(SESSION, 1.5, encode_record(record))
    assert read.kinds == record.kinds == (EpochEnded, Decision)
    assert (len(read.events), read.events[-1]) == (3, record.events[-1])
    assert read == decode_record(SESSION, 1.5, encode_record(record))


def test_unknown_kind_of_event_is_left_out() -> None:
    """An event that a later version added does not hide the others of its record."""
    payload = encode_record(_record(Notice(code="a", message="b")))
    unknown = events_pb2.Record(schema=1)
    unknown.events.add().MergeFromString(b"\xa2\x06\x00")  # field 100, an empty message
    decoded = decode_record(SESSION, 1.5, payload + unknown.SerializeToString())
    assert decoded.events == (Notice(code="a", message="b"),)


@pytest.mark.parametrize(
    ("name", "field"), [("decision", "verdict"), ("decision", "topic"), ("session_ended", "reason")]
)
def test_unknown_verdict_or_reason_leaves_the_event_out(name: str, field: str) -> None:
    """A verdict that a later version added is not shown as another one."""
    known = _record(
        Decision(callback="A", topic=Topic.STOP, verdict=Verdict.WAITING),
        EpochEnded(metrics={"loss": 0.5}),
    )
    message = events_pb2.Record.FromString(encode_record(known))
    event = message.events.add()
    setattr(getattr(event, name), field, 99)
    assert decode_record(SESSION, 1.5, message.SerializeToString()) == known


def test_every_kind_of_event_has_a_field_in_the_format() -> None:
    """A kind that is added in Python alone could not be written."""
    kinds = {item.name for item in events_pb2.Event.DESCRIPTOR.fields}
    assert len(kinds) == len(get_args(Event))


@pytest.mark.parametrize(
    "names",
    [
        ("loss", "val_loss", "learning_rate"),
        ("accuracy", "loss", "val_accuracy", "val_loss", "learning_rate"),
        ("accuracy", "extra", "loss", "val_accuracy", "val_loss"),
        ("val_loss", "loss"),
        ("loss", "val_loss", "val_val_loss"),
        ("learning_rate", "loss", "val_loss"),
    ],
)
@pytest.mark.parametrize("observed", [0.0, -0.0, 1.5, math.nan])
def test_metrics_are_told_once_and_keep_their_order(
    names: tuple[str, ...], observed: float
) -> None:
    """A decision that looked at a metric of its epoch says which and what, as if it stood alone."""
    values = [observed, *(float(place) for place in range(1, len(names)))]
    metrics = dict(zip(names, values, strict=True))
    looks = [("val_loss", metrics["val_loss"]), ("loss", observed), ("loss", 0.0), ("loss", None)]
    record = _record(
        EpochEnded(metrics=metrics),
        *(
            Decision(
                callback="A",
                topic=Topic.STOP,
                verdict=Verdict.WAITING,
                monitor=name,
                observed=value,
            )
            for name, value in looks
        ),
        EpochEnded(metrics={"loss": 9.0}),
        Decision(
            callback="A", topic=Topic.STOP, verdict=Verdict.WAITING, monitor="loss", observed=9.0
        ),
    )
    payload = encode_record(record)
    assert repr(decode_record(SESSION, 1.5, payload)) == repr(record)
    assert payload.count(b"learning_rate") == names.count("learning_rate")


def test_a_place_beyond_the_metrics_is_passed_over() -> None:
    """A forged reference is a decision without a metric, not an error."""
    known = _record(
        EpochEnded(metrics={"loss": 0.5}),
        Decision(callback="A", topic=Topic.STOP, verdict=Verdict.WAITING),
    )
    message = events_pb2.Record.FromString(encode_record(known))
    message.events[1].decision.metric = 2
    assert decode_record(SESSION, 1.5, message.SerializeToString()) == known


def test_quiet_epoch_is_small() -> None:
    """An epoch with four metrics and one "patience" verdict takes less than 400 bytes."""
    record = _record(
        EpochEnded(
            metrics=dict.fromkeys(("loss", "accuracy", "val_loss", "val_accuracy"), 0.1),
            duration_seconds=0.2,
        ),
        Decision(
            callback="EarlyStopping",
            position=0,
            topic=Topic.STOP,
            verdict=Verdict.WAITING,
            monitor="val_loss",
            observed=0.1,
            best=0.05,
            best_epoch=3,
            wait=2,
            patience=20,
        ),
    )
    assert len(encode_record(record)) < 400


def test_records_are_values() -> None:
    """Equal contents are equal records; nothing in them can be changed."""
    record = _record(SessionEnded(reason="completed"))  # type: ignore[arg-type]
    assert record == _record(SessionEnded(reason="completed"))  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        record.seq = 8  # type: ignore[misc]
