"""Requests and answers survive their form as JSON; anything else is refused in words."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochline.events import Outcome
from epochline.restore.requests import (
    Action,
    Answer,
    Counters,
    LayerChange,
    Request,
    RequestError,
    Source,
    parse_answer,
    parse_request,
)

ID = "01a20297c2e8c4debaf3350cba027d7a"
REQUEST = Request(
    id=ID,
    action=Action.RESTORE,
    session="5e55100000000001",
    created=1_760_000_000.0,
    expires=1_760_000_060.0,
    by="anna",
    source=Source.CLI,
    host="desk",
    checkpoint="0003c0ffee000000",
)
ANSWER = Answer(
    id=ID,
    action=Action.RESTORE,
    outcome=Outcome.DONE,
    message="Back at epoch 3.",
    wall_time=1_760_000_001.5,
    session="5e55100000000001",
    epoch=4,
    step=20,
    checkpoint="0003c0ffee000000",
    undo="0004c0ffee000000",
    restored=4,
    total=4,
    learning_rate_before=1e-3,
    before="xxh3-128:00",
    plan=("One.", "Two."),
    layers=(
        LayerChange(layer="dense", relative_change=0.5),
        LayerChange(layer="b", relative_change=None),
    ),
)


def changed(value: Request | Answer, **fields: Any) -> bytes:
    """Returns the JSON of a value with some fields of another kind."""
    return json.dumps(json.loads(value.to_json()) | fields).encode()


@pytest.mark.parametrize(
    "request_",
    [
        REQUEST,
        replace(REQUEST, optimizer=False, learning_rate="keep", counters=Counters.KEEP),
        replace(REQUEST, learning_rate=0.25, dry_run=True),
        replace(REQUEST, action=Action.LEARNING_RATE, checkpoint="", learning_rate=0.0),
        replace(REQUEST, action=Action.UNDO, checkpoint="", dry_run=True),
        *(
            replace(REQUEST, action=action, checkpoint="")
            for action in (Action.PAUSE, Action.CONTINUE, Action.STOP, Action.SAVE)
        ),
    ],
)
def test_request_survives_its_form(request_: Request) -> None:
    """Each action with its choices."""
    assert parse_request(ID, request_.to_json()) == request_


def test_answer_survives_its_form() -> None:
    """With plan and layers, and without."""
    for answer in (ANSWER, replace(ANSWER, action=None, plan=(), layers=())):
        assert parse_answer(ID, answer.to_json()) == answer


@pytest.mark.parametrize(
    "fields",
    [
        {"version": 2},
        {"id": "0" * 32},
        {"id": ID.upper()},
        {"action": "format_disk"},
        {"action": ["restore"]},
        {"session": "../../etc/passwd0"},
        {"created": "yesterday"},
        {"created": True},
        {"created": 10**400},
        {"expires": 1_759_999_999.0},
        {"expires": 1_760_009_999.0},
        {"by": "a" * 101},
        {"by": "an\x1b[2Jna"},
        {"host": None},
        {"source": "mail"},
        {"checkpoint": ""},
        {"checkpoint": "/etc/passwd"},
        {"checkpoint": "0003c0ffee00000"},
        {"optimizer": 1},
        {"learning_rate": "all"},
        {"learning_rate": -0.1},
        {"learning_rate": 1e9},
        {"learning_rate": True},
        {"counters": "double"},
        {"dry_run": "no"},
        {"extra": 1},
        {"action": "pause"},
        {"action": "pause", "checkpoint": "", "dry_run": True},
        {"action": "learning_rate", "checkpoint": ""},
    ],
)
def test_request_of_another_form_is_refused(fields: dict[str, Any]) -> None:
    """One thing that is not as it must be is enough."""
    with pytest.raises(RequestError):
        parse_request(ID, changed(REQUEST, **fields))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        REQUEST.to_json()[:-1],
        REQUEST.to_json() + b" " * 5000,
        b"[" * 4000,
        REQUEST.to_json()[:-1] + b', "by": "eve"}',
        REQUEST.to_json().replace(b"1760000000.0", b"NaN"),
    ],
)
def test_bytes_that_are_no_request_are_refused(data: bytes) -> None:
    """Nothing, another value, half of it, too much, too deep, a key twice, NaN."""
    with pytest.raises(RequestError):
        parse_request(ID, data)


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "0" * 32},
        {"outcome": "perhaps"},
        {"message": 1},
        {"step": 1.5},
        {"restored": True},
        {"wall_time": None},
        {"dry_run": 0},
        {"learning_rate_after": "fast"},
        {"plan": 1},
        {"layers": [{"layer": 1, "relative_change": None}]},
        {"layers": [{"layer": "a", "relative_change": "b"}]},
        {"layers": [{"layer": "a"}]},
    ],
)
def test_answer_of_another_form_is_refused(fields: dict[str, Any]) -> None:
    """A file that anybody may have written is not believed either."""
    with pytest.raises(RequestError):
        parse_answer(ID, changed(ANSWER, **fields))


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 255))
def test_any_bytes_are_a_value_or_refused(noise: bytes, place: int, byte: int) -> None:
    """Nothing else comes of bytes from a file, also of those that are almost right."""
    for whole, parse in ((REQUEST.to_json(), parse_request), (ANSWER.to_json(), parse_answer)):
        damaged = bytearray(whole)
        damaged[place % len(damaged)] = byte
        for data in (noise, bytes(damaged)):
            with suppress(RequestError):
                parse(ID, data)


def test_answer_is_true_only_when_it_was_done() -> None:
    """As `if run.live.pause(): …` reads."""
    assert [bool(replace(ANSWER, outcome=outcome)) for outcome in Outcome] == [
        outcome is Outcome.DONE for outcome in Outcome
    ]
    assert [outcome for outcome in Outcome if not replace(ANSWER, outcome=outcome).final] == [
        Outcome.WORKING
    ]
