"""What is asked of a running training, and what it answers: values, and their form as JSON.

A request comes from a file that anybody who may write to the run directory can have put there. So
it is read strictly: known keys, each once, of the right type, bounded; else it is none.

Pure: no files, no clock, no Keras.

Invariant: `parse_request(request.id, request.to_json()) == request`, likewise for answers, and any
bytes whatever lead to a value or to a `RequestError`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Final, Literal, TypeVar

from epochline.errors import EpochlineError
from epochline.events import Outcome

__all__ = [
    "LONGEST_LIFE_SECONDS",
    "MOST_ANSWER_BYTES",
    "MOST_REQUEST_BYTES",
    "REQUEST_ID",
    "Action",
    "Answer",
    "Counters",
    "LayerChange",
    "LearningRate",
    "Request",
    "RequestError",
    "Source",
    "checked_rate",
    "parse_answer",
    "parse_request",
]

MOST_REQUEST_BYTES: Final = 4096
MOST_ANSWER_BYTES: Final = 256 * 1024
LONGEST_LIFE_SECONDS: Final = 3600.0
REQUEST_ID: Final = re.compile(r"[0-9a-f]{32}")

_VERSION: Final = 1
_ID: Final = re.compile(r"[0-9a-f]{16}")
_LONGEST_TEXT: Final = 100
_LARGEST_RATE: Final = 1e6


class RequestError(EpochlineError, ValueError):
    """What was found is no request, or no answer; the message says why."""


class Action(StrEnum):
    """What a training can be asked for."""

    RESTORE = "restore"
    UNDO = "undo"
    PAUSE = "pause"
    CONTINUE = "continue"
    STOP = "stop"
    SAVE = "save"
    LEARNING_RATE = "learning_rate"


class Source(StrEnum):
    """Where a request was made."""

    PANEL = "panel"
    CLI = "cli"
    PYTHON = "python"


class Counters(StrEnum):
    """What becomes of the counters of `EarlyStopping` and `ReduceLROnPlateau`."""

    KEEP = "keep"
    RESET = "reset"


LearningRate = Literal["keep", "checkpoint"] | float
"""The learning rate afterwards: that of now, that of the checkpoint, or this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request.

    Attributes:
        id: 32 hexadecimal digits; whoever asks again under the same id gets the same answer.
        action: What is asked for.
        session: Session that is asked; no other one carries it out.
        created: When it was asked, in seconds since the Unix epoch.
        expires: When it is too late; at most an hour later.
        by: Name of the user who asks.
        source: From where.
        host: From which machine.
        checkpoint: Id of the checkpoint, for `RESTORE`; empty for all others.
        optimizer: Whether the state of the optimizer is restored, too.
        learning_rate: The learning rate afterwards; a number for `LEARNING_RATE`.
        counters: What becomes of the counters of callbacks.
        dry_run: Whether to tell only what would happen.
    """

    id: str
    action: Action
    session: str
    created: float
    expires: float
    by: str
    source: Source
    host: str
    checkpoint: str = ""
    optimizer: bool = True
    learning_rate: LearningRate = "checkpoint"
    counters: Counters = Counters.RESET
    dry_run: bool = False

    def to_json(self) -> bytes:
        """Returns the content of its file."""
        return json.dumps({"version": _VERSION, **asdict(self)}, allow_nan=False).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerChange:
    """How far a restore takes one layer.

    Attributes:
        layer: Path of the layer.
        relative_change: L2 norm of the difference by that of the live values; None when those are
            all zero, or one of the two is not finite.
    """

    layer: str
    relative_change: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a request; true only when it was done.

    Attributes:
        id: Id of the request.
        action: What was asked for; None when that could not be read.
        outcome: What became of it.
        message: The same in one or two sentences.
        wall_time: When it was answered, in seconds since the Unix epoch.
        dry_run: Whether it only tells what would happen.
        session: Session that answered; empty when none did.
        epoch: Zero-based epoch of the training then.
        step: Optimizer updates done then.
        checkpoint: Id of the checkpoint that was restored or saved.
        undo: Id of the checkpoint that holds the state before.
        restored: Variables that hold what the file holds, checked by reading them again.
        total: Variables that were to be restored.
        learning_rate_before: Learning rate before; None when there is none, or several.
        learning_rate_after: Learning rate after.
        before: Fingerprint of those variables before, `xxh3-128:<hex>`.
        after: Likewise after.
        plan: What happens, what does not, and how to undo it, in sentences.
        layers: What changes most, the largest change first.
    """

    id: str
    action: Action | None
    outcome: Outcome
    message: str
    wall_time: float
    dry_run: bool = False
    session: str = ""
    epoch: int = 0
    step: int = 0
    checkpoint: str = ""
    undo: str = ""
    restored: int = 0
    total: int = 0
    learning_rate_before: float | None = None
    learning_rate_after: float | None = None
    before: str = ""
    after: str = ""
    plan: tuple[str, ...] = ()
    layers: tuple[LayerChange, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.outcome is Outcome.DONE

    @property
    def final(self) -> bool:
        """Whether no other answer follows."""
        return self.outcome is not Outcome.WORKING

    def __bool__(self) -> bool:
        """Returns `ok`."""
        return self.ok

    def to_json(self) -> bytes:
        """Returns the content of its file."""
        return json.dumps({"version": _VERSION, **asdict(self)}, allow_nan=False).encode()


def checked_rate(value: float) -> float:
    """Returns a learning rate that is one.

    Raises:
        RequestError: If it is negative, too large, or no number.
    """
    rate = float(value)
    if not 0 <= rate <= _LARGEST_RATE:
        message = f"{rate:g} is no learning rate: it must be from 0 to {_LARGEST_RATE:g}."
        raise RequestError(message)
    return rate


def parse_request(request_id: str, data: bytes) -> Request:
    """Returns the request that a file holds.

    Args:
        request_id: By the name of the file.
        data: Its content.

    Raises:
        RequestError: If it is none.
    """
    values = _values(data, MOST_REQUEST_BYTES, Request)
    try:
        request = Request(
            id=_matching(values, "id", REQUEST_ID),
            action=Action(values["action"]),
            session=_matching(values, "session", _ID),
            created=_number(values, "created"),
            expires=_number(values, "expires"),
            by=_text(values, "by"),
            source=Source(values["source"]),
            host=_text(values, "host"),
            checkpoint=_matching(values, "checkpoint", _ID) if values["checkpoint"] else "",
            optimizer=_of(values, "optimizer", bool),
            learning_rate=_rate(values),
            counters=Counters(values["counters"]),
            dry_run=_of(values, "dry_run", bool),
        )
    except (ArithmeticError, TypeError, ValueError) as error:
        raise _refused(error) from error
    if request.id != request_id:
        raise RequestError("Its file has the name of another request.")
    if not 0 < request.expires - request.created <= LONGEST_LIFE_SECONDS:
        raise RequestError(f"It must expire within {LONGEST_LIFE_SECONDS:g} seconds.")
    if bool(request.checkpoint) != (request.action is Action.RESTORE):
        raise RequestError("A restore names a checkpoint, and nothing else does.")
    if request.action is Action.LEARNING_RATE and not isinstance(request.learning_rate, float):
        raise RequestError("It gives no learning rate.")
    if request.dry_run and request.action not in (Action.RESTORE, Action.UNDO):
        raise RequestError("Only a restore can be tried.")
    return request


def parse_answer(request_id: str, data: bytes) -> Answer:
    """Returns the answer that a file holds.

    Args:
        request_id: By the name of the file.
        data: Its content.

    Raises:
        RequestError: If it is none.
    """
    values = _values(data, MOST_ANSWER_BYTES, Answer)
    try:
        answer = Answer(
            **values
            | {
                "action": None if values["action"] is None else Action(values["action"]),
                "outcome": Outcome(values["outcome"]),
                "plan": tuple(str(item) for item in values["plan"]),
                "layers": tuple(_layer(item) for item in values["layers"]),
            }
        )
        _of(values, "dry_run", bool)
        for name in ("learning_rate_before", "learning_rate_after"):
            if values[name] is not None:
                _number(values, name)
        for name in ("message", "session", "checkpoint", "undo", "before", "after"):
            _of(values, name, str)
        for name in ("epoch", "step", "restored", "total"):
            _of(values, name, int)
        _number(values, "wall_time")
    except (ArithmeticError, TypeError, ValueError) as error:
        raise _refused(error) from error
    if answer.id != request_id:
        raise RequestError("Its file has the name of another request.")
    return answer


def _layer(item: Any) -> LayerChange:
    layer = LayerChange(**item)
    _of(item, "layer", str)
    if layer.relative_change is not None:
        _number(item, "relative_change")
    return layer


def _values(data: bytes, most_bytes: int, kind: type[Any]) -> dict[str, Any]:
    if len(data) > most_bytes:
        raise RequestError(f"It has more than {most_bytes} bytes.")
    try:
        values = json.loads(data, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _refused(error) from error
    if not isinstance(values, dict) or values.pop("version", None) != _VERSION:
        raise RequestError(f"It is not of version {_VERSION}.")
    wanted = {spec.name for spec in fields(kind)}
    if values.keys() != wanted:
        differing = sorted(str(key) for key in values.keys() ^ wanted)
        raise RequestError(f"It has other keys than asked for: {', '.join(differing)[:200]}.")
    return values


def _refused(error: Exception) -> RequestError:
    return RequestError(f"It is not of the form that is asked for: {str(error)[:200]}.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        message = "a key is given twice"
        raise ValueError(message)
    return values


def _no_constant(name: str) -> float:
    message = f"{name} is no number"
    raise ValueError(message)


_T = TypeVar("_T")


def _of(values: Mapping[str, Any], name: str, kind: type[_T]) -> _T:
    value = values[name]
    if type(value) is not kind:
        message = f"{name} is no {kind.__name__}"
        raise TypeError(message)
    return value


def _matching(values: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    text = _of(values, name, str)
    if not pattern.fullmatch(text):
        message = f"{name} is no id"
        raise ValueError(message)
    return text


def _text(values: Mapping[str, Any], name: str) -> str:
    text = _of(values, name, str)
    if len(text) > _LONGEST_TEXT or not text.isprintable():
        message = f"{name} is too long, or cannot be shown"
        raise ValueError(message)
    return text


def _number(values: Mapping[str, Any], name: str) -> float:
    value = values[name]
    if type(value) not in (int, float) or not math.isfinite(value):
        message = f"{name} is no number"
        raise TypeError(message)
    return float(value)


def _rate(values: Mapping[str, Any]) -> LearningRate:
    value = values["learning_rate"]
    if value in ("keep", "checkpoint"):
        return value  # type: ignore[no-any-return]
    return checked_rate(_number(values, "learning_rate"))
