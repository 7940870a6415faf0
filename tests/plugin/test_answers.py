"""From values and errors to responses."""

from __future__ import annotations

import gzip
import json
import math

import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Request

from tensorboard_plugin_epochline.answers import (
    Answer,
    ApiError,
    ErrorCode,
    app,
    json_answer,
    json_text,
    num,
    text_answer,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.25, 0.25),
        (None, None),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
    ],
)
def test_number_is_json(value: float | None, expected: object) -> None:
    """JSON has no NaN and no infinity; they become text."""
    assert num(value) == expected


def test_same_content_has_the_same_etag() -> None:
    """The ETag follows the content and nothing else."""
    assert json_answer({"a": 1}).etag == json_answer({"a": 1}).etag
    assert json_answer({"a": 1}).etag != json_answer({"a": 2}).etag


def test_non_finite_number_never_gets_out() -> None:
    """A view that forgot `num` fails here, not in the browser."""
    with pytest.raises(ValueError, match="JSON"):
        json_answer({"a": math.nan})


def test_our_fault_is_an_answer_and_a_traceback_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An exception becomes `internal` without its text, which is for the log."""

    def fail(request: Request) -> Answer:
        raise RuntimeError(f"secret of {request.path}")

    reply = Client(app(fail, ("GET",))).get("/x")

    assert reply.status_code == 500
    assert json.loads(reply.data)["error"]["code"] == "internal"
    assert "secret" not in reply.text
    assert "secret of /x" in caplog.text


@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_error_has_a_status(code: ErrorCode) -> None:
    """Each documented code is sent with a fitting status."""

    def refuse(request: Request) -> Answer:
        raise ApiError(code, request.path, "hint")

    reply = Client(app(refuse, ("GET",))).get("/what")

    assert reply.status_code >= 400
    assert reply.json == {"error": {"code": code, "message": "/what", "hint": "hint"}}


def test_compressed_answer_is_unpacked_for_who_cannot_read_it() -> None:
    """Answers are kept compressed; a client without gzip gets them plain."""
    client = Client(app(lambda _: json_answer({"a": 1}), ("GET",)))

    packed = client.get("/", headers={"Accept-Encoding": "gzip"})

    assert json.loads(gzip.decompress(packed.data)) == client.get("/").json == {"a": 1}


@pytest.mark.parametrize("count", [1, 1_000_000])
def test_answer_of_any_size_is_whole(count: int) -> None:
    """Short and long answers are compressed in different ways, and unpack to what they were."""
    text = json_text(["x" * count, None, 0.5])

    assert gzip.decompress(text_answer(text).body).decode() == text
