"""What the panel asks a running training, and what it is told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from epochline.restore.mailbox import Mailbox
from epochline.restore.requests import Action, Source
from epochline.timeline import CheckpointEntry
from tensorboard_plugin_epochline.answers import ApiError, ErrorCode
from tensorboard_plugin_epochline.directories import RunDirectory
from tensorboard_plugin_epochline.guard import Policy, check_token
from tensorboard_plugin_epochline.live import (
    Choices,
    answer_view,
    ask_training,
    listening_view,
    view_of,
)
from tests.end_to_end.sample_logs import LIVE_ANSWER, LIVE_REQUEST
from tests.plugin.test_guard import _facts
from tests.restore.test_live import SESSION, Training

ID = LIVE_REQUEST["request"]


def _listening(run_dir: Path | None, **choices: Any) -> dict[str, Any]:
    directory = RunDirectory(shown=str(run_dir), local=run_dir)
    return listening_view("pima", directory, Choices(**choices))


def test_request_reaches_the_training_and_its_answer_the_panel(tmp_path: Path) -> None:
    """Waiting, then answered; looking changes nothing."""
    with Training(tmp_path) as training:
        assert _listening(tmp_path)["listening"] is True
        assert not ask_training(tmp_path, LIVE_REQUEST).final
        waiting = answer_view("pima", tmp_path, ID)
        assert (waiting["final"], waiting["outcome"]) == (False, "working")
        taken = training.take()
        assert taken.request is not None
        assert (taken.request.action, taken.request.source) == (Action.RESTORE, Source.PANEL)
        assert (taken.request.session, taken.request.optimizer) == (SESSION, True)
        training.mailbox.answer(LIVE_ANSWER.__class__(**_fields(id=ID)))
        answered = answer_view("pima", tmp_path, ID)
    assert (answered["final"], answered["outcome"], answered["request"]) == (True, "done", ID)
    assert "id" not in answered


def _fields(**changes: Any) -> dict[str, Any]:
    names = LIVE_ANSWER.__dataclass_fields__
    return {name: getattr(LIVE_ANSWER, name) for name in names} | changes


def test_sending_twice_asks_once(tmp_path: Path) -> None:
    """A panel that heard no answer may send again."""
    with Training(tmp_path) as training:
        for _ in range(2):
            ask_training(tmp_path, LIVE_REQUEST)
        assert training.take().id == ID
        assert not training.mailbox.take()
        assert not ask_training(tmp_path, LIVE_REQUEST).final
        assert not training.mailbox.take()


def test_nobody_listening_is_an_answer(tmp_path: Path) -> None:
    """Nothing is written that a later training could take."""
    answer = ask_training(tmp_path, LIVE_REQUEST)
    assert view_of("pima", answer)["outcome"] == "nobody"
    assert Mailbox(tmp_path).waiting(ID) is None
    assert _listening(None)["message"] == "The run is not on TensorBoard's machine."


def test_commands_follow_the_choices(tmp_path: Path, entry: CheckpointEntry) -> None:
    """What is not said is the default of the command, too."""
    plain = _listening(tmp_path, checkpoint=entry)
    chosen = {"optimizer": False, "learning_rate": "2e-4", "counters": "keep"}
    other = _listening(tmp_path, checkpoint=entry, **chosen)

    cli = f"epochline restore {tmp_path} --id {entry.id} --live"
    assert plain["restore"]["cli"] == cli
    assert plain["restore"]["python"].endswith(".restore_live()")
    assert other["restore"]["cli"] == f"{cli} --weights-only --learning-rate=0.0002 --keep-counters"
    assert "optimizer=False, learning_rate=0.0002, counters='keep'" in other["restore"]["python"]
    assert (
        other["commands"]["learning_rate"]["cli"]
        == f"epochline live {tmp_path} learning-rate 0.0002"
    )
    assert _listening(tmp_path)["restore"] is None


@pytest.mark.parametrize("choices", [{"learning_rate": "fast"}, {"counters": "all"}])
def test_choice_that_is_none_is_refused(tmp_path: Path, choices: dict[str, str]) -> None:
    """No command is shown that would be refused."""
    with pytest.raises(ApiError, match="cannot be asked"):
        _listening(tmp_path, **choices)


@pytest.mark.parametrize(
    "changes",
    [
        {"request": "../../../etc/passwd"},
        {"action": "format"},
        {"checkpoint": "/etc/passwd"},
        {"checkpoint": ""},
        {"learning_rate": "nan"},
        {"learning_rate": "fast"},
        {"learning_rate": "-1"},
        {"counters": "all"},
        {"action": "pause"},
        {"action": "stop", "checkpoint": "", "dry_run": True},
    ],
)
def test_body_that_says_no_request_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Nothing reaches the directory of the run."""
    with Training(tmp_path) as training:
        with pytest.raises(ApiError) as raised:
            ask_training(tmp_path, LIVE_REQUEST | changes)
        assert not training.mailbox.take()
    assert raised.value.code is ErrorCode.BAD_REQUEST


@pytest.mark.parametrize(("request_id", "code"), [("x", "bad_request"), ("0" * 32, "not_found")])
def test_answer_to_nothing_is_an_error(tmp_path: Path, request_id: str, code: str) -> None:
    """An id of nobody's, and what is no id."""
    with pytest.raises(ApiError) as raised:
        answer_view("pima", tmp_path, request_id)
    assert raised.value.code == code


def test_beyond_loopback_a_token_is_asked_for() -> None:
    """Each server has its own; without the flag nothing is allowed at all."""
    flags = SimpleNamespace(host=None, bind_all=True, epochline_allow_restore=True)
    one, other = Policy.of_flags(flags), Policy.of_flags(flags)
    assert one.token is not None
    assert one.token != other.token
    check_token(_facts(token=one.token), one)
    for token in (None, "", other.token, "ä"):
        with pytest.raises(ApiError, match="token"):
            check_token(_facts(token=token), one)
    local = Policy.of_flags(SimpleNamespace(host=None, bind_all=False))
    assert local.token is None
    check_token(_facts(), local)
