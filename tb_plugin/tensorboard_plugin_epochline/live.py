"""Ask a running training for something: what the panel sends, and what it is told.

Nothing is carried out here. A request becomes a file that the training takes; its answer is a file
that is read again whenever the panel asks.

Invariant: looking at an answer changes nothing; a request is written only for a run whose training
listens, under an id that the panel chose, so that sending it twice asks once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, cast

from epochline.restore.live import ask, listening, new_request, outcome_of
from epochline.restore.mailbox import Listener
from epochline.restore.requests import (
    REQUEST_ID,
    Action,
    Answer,
    Counters,
    LearningRate,
    Source,
    checked_rate,
    parse_request,
)
from epochline.timeline import CheckpointEntry
from tensorboard_plugin_epochline.answers import ApiError, ErrorCode, num
from tensorboard_plugin_epochline.directories import RunDirectory
from tensorboard_plugin_epochline.snippets import live_commands, live_restore_commands

__all__ = [
    "LIVE_KEYS",
    "LIVE_KINDS",
    "Choices",
    "answer_view",
    "ask_training",
    "listening_view",
    "view_of",
]

LIVE_KEYS: Final = (
    "run",
    "request",
    "action",
    "checkpoint",
    "optimizer",
    "learning_rate",
    "counters",
    "dry_run",
)
"""Keys of the body of POST `live`."""

LIVE_KINDS: Final[Mapping[str, type]] = {"optimizer": bool, "dry_run": bool}
"""What is below those that do not hold text."""

_NOBODY: Final = Listener(session="0" * 16, pid=0, host="", started=0.0)
_ELSEWHERE: Final = "The run is not on TensorBoard's machine."
_AGAIN: Final = "Reload the page, and try again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a command is to do; see `LIVE_KEYS`."""

    checkpoint: CheckpointEntry | None = None
    optimizer: bool = True
    learning_rate: str = "checkpoint"
    counters: str = Counters.RESET


def listening_view(run: str, directory: RunDirectory, choices: Choices) -> dict[str, object]:
    """Returns a `LiveState`.

    Args:
        run: Name of the run group.
        directory: Its directory.
        choices: What the commands in it are to do.

    Raises:
        ApiError: If a choice is none.
    """
    try:
        rate, counters = _rate(choices.learning_rate), Counters(choices.counters)
    except ValueError as error:
        message = f"That cannot be asked of a training: {error}"
        raise ApiError(ErrorCode.BAD_REQUEST, message, _AGAIN) from error
    there = None if directory.local is None else listening(directory.local)
    return {
        "run": run,
        "listening": bool(there),
        "paused": there is not None and there.paused,
        "message": _ELSEWHERE if there is None else there.message,
        "commands": live_commands(directory=directory.shown, learning_rate=rate),
        "restore": None
        if choices.checkpoint is None
        else live_restore_commands(
            choices.checkpoint.id,
            directory=directory.shown,
            optimizer=choices.optimizer,
            learning_rate=rate,
            counters=counters,
        ),
    }


def ask_training(run_dir: Path, body: Mapping[str, Any]) -> Answer:
    """Asks the training of a run, and returns what is known at once.

    Args:
        run_dir: The run directory.
        body: With the keys of `LIVE_KEYS`.

    Raises:
        ApiError: If the body says no request, or it cannot be written.
    """
    there = listening(run_dir)
    try:
        request = new_request(
            there.listener or _NOBODY,
            Action(body["action"]),
            source=Source.PANEL,
            request_id=body["request"],
            checkpoint=body["checkpoint"],
            optimizer=body["optimizer"],
            learning_rate=_rate(body["learning_rate"]),
            counters=Counters(body["counters"]),
            dry_run=body["dry_run"],
        )
        parse_request(request.id, request.to_json())
        return ask(run_dir, request)
    except ValueError as error:  # RequestError among them
        message = f"That is no request to a training: {error}"
        raise ApiError(ErrorCode.BAD_REQUEST, message, _AGAIN) from error
    except OSError as error:
        message = f"The request could not be written: {error.strerror or error}."
        raise ApiError(ErrorCode.READ_ONLY, message, "Use `epochline live` instead.") from error


def answer_view(run: str, run_dir: Path | None, request_id: str) -> dict[str, object]:
    """Returns a `LiveAnswer`.

    Raises:
        ApiError: If nothing is known of that request.
    """
    if not REQUEST_ID.fullmatch(request_id):
        message = f"{request_id!r} is not the id of a request."
        raise ApiError(ErrorCode.BAD_REQUEST, message, _AGAIN)
    answer = None if run_dir is None else outcome_of(run_dir, request_id, take_back=False)
    if answer is None:
        message = f"Nothing is known of request {request_id} to {run!r}."
        raise ApiError(ErrorCode.NOT_FOUND, message, "Answers are kept for a day.")
    return view_of(run, answer)


def view_of(run: str, answer: Answer) -> dict[str, object]:
    """Returns a `LiveAnswer`."""
    values: dict[str, Any] = asdict(answer)
    values["request"] = values.pop("id")
    for name in ("learning_rate_before", "learning_rate_after"):
        values[name] = num(values[name])
    return {"run": run, "final": answer.final, **values}


def _rate(text: str) -> LearningRate:
    if text in ("keep", "checkpoint"):
        return cast("LearningRate", text)
    return checked_rate(float(text))
