"""Asking a training, without one: who listens, and what becomes of what nobody takes."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest

from epochline.events import Outcome
from epochline.restore.audit import read_audit
from epochline.restore.live import Live, ask, listening, new_request, outcome_of
from epochline.restore.mailbox import Listener, Mailbox, Taken
from epochline.restore.requests import Action, Answer, RequestError, Source
from epochline.session import lock_path
from epochline.store import RunLock
from tests.restore.test_requests import ANSWER

SESSION = "5e55100000000001"
LISTENER = Listener.here(SESSION)


class Training:
    """Stands for a training that listens: holds the lock of the run, and answers when told to."""

    def __init__(self, run_dir: Path) -> None:
        self.mailbox = Mailbox(run_dir)
        self._lock = RunLock(lock_path(run_dir))

    def __enter__(self) -> Self:
        self._lock.acquire()
        self.mailbox.open(LISTENER)
        return self

    def __exit__(self, *_: object) -> None:
        self.mailbox.close()
        self._lock.release()

    def take(self) -> Taken:
        """Waits for one request."""
        for _ in range(1000):
            found = self.mailbox.take()
            if found:
                return found[0]
            time.sleep(0.01)
        raise AssertionError

    def answering(self, **fields: object) -> threading.Thread:
        """Answers the next request, in a thread."""

        def answer() -> None:
            taken = self.take()
            assert taken.request is not None
            said = replace(ANSWER, id=taken.id, action=taken.request.action, **fields)  # type: ignore[arg-type]
            self.mailbox.answer(replace(said, outcome=Outcome.WORKING))
            self.mailbox.answer(said)

        thread = threading.Thread(target=answer)
        thread.start()
        return thread


@pytest.mark.parametrize(
    ("act", "action"),
    [
        (lambda live: live.restore("0003c0ffee000000"), Action.RESTORE),
        (lambda live: live.undo(dry_run=True), Action.UNDO),
        (lambda live: live.pause(), Action.PAUSE),
        (lambda live: live.proceed(), Action.CONTINUE),
        (lambda live: live.stop(), Action.STOP),
        (lambda live: live.save(), Action.SAVE),
        (lambda live: live.set_learning_rate(0.5), Action.LEARNING_RATE),
    ],
)
def test_answer_of_the_training_comes_back(tmp_path: Path, act: object, action: Action) -> None:
    """Each action waits for its final answer."""
    with Training(tmp_path) as training:
        thread = training.answering()
        answer: Answer = act(Live(tmp_path))  # type: ignore[operator]
        thread.join()
    assert answer.ok
    assert (answer.action, answer.message) == (action, ANSWER.message)


def test_choices_reach_the_training(tmp_path: Path) -> None:
    """The learning rate is the checkpoint's with its optimizer, and stays without."""
    with Training(tmp_path) as training:
        listener = training.mailbox.listener()
        assert listener is not None
        live = Live(tmp_path)
        for choices, rate in (
            ({"optimizer": True}, "checkpoint"),
            ({"optimizer": False}, "keep"),
            ({"optimizer": False, "learning_rate": 2}, 2.0),
        ):
            thread = threading.Thread(
                target=live.restore, args=("0003c0ffee000000",), kwargs=choices
            )
            thread.start()
            taken = training.take()
            assert taken.request is not None
            assert taken.request.learning_rate == rate
            assert taken.request.optimizer is choices["optimizer"]
            assert taken.request.session == SESSION
            training.mailbox.answer(replace(ANSWER, id=taken.id))
            thread.join()


@pytest.mark.parametrize("rate", [-1.0, float("nan"), float("inf"), 1e9])
def test_what_is_no_learning_rate_is_not_asked_for(tmp_path: Path, rate: float) -> None:
    """It is the asking side that says so, at once."""
    with Training(tmp_path), pytest.raises(RequestError, match="is no learning rate"):
        Live(tmp_path).set_learning_rate(rate)


def test_nobody_listens_to_a_run_that_is_not_trained(tmp_path: Path) -> None:
    """Nothing is written that a later training could take; the audit log has it."""
    there = listening(tmp_path)
    assert not there
    assert there.message == "This run is not being trained."
    answer = Live(tmp_path).pause()
    assert answer.outcome is Outcome.NOBODY
    assert answer.message == "This run is not being trained. Nothing was changed."
    assert not (tmp_path / "timeline" / "control" / "live" / "requests").exists()
    assert [line.outcome for line in read_audit(tmp_path)] == ["nobody"]


def test_training_without_live_restore_is_told(tmp_path: Path) -> None:
    """Its lock is held, but nobody has said that it listens."""
    with RunLock(lock_path(tmp_path)):
        assert "runs without LiveRestore" in listening(tmp_path).message


def test_killed_training_is_told(tmp_path: Path) -> None:
    """It said that it listens, and its lock is free."""
    with Training(tmp_path) as training:
        assert listening(tmp_path)
        assert f"process {LISTENER.pid}" in listening(tmp_path).message
        training.mailbox.announce(replace(LISTENER, paused=True))
        assert listening(tmp_path).paused
        killed = Mailbox(tmp_path).listener()
    assert killed is not None
    Mailbox(tmp_path).announce(killed)
    assert listening(tmp_path).message.endswith("it was killed.")


def test_training_on_another_machine_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files are where it is asked; where its lock cannot be seen, that is told."""
    away = replace(LISTENER, host="elsewhere")
    with monkeypatch.context() as there:
        there.setattr(socket, "gethostname", lambda: away.host)
        lock = RunLock(lock_path(tmp_path))
        lock.acquire()
        owner = lock_path(tmp_path).read_bytes()
    Mailbox(tmp_path).open(away)
    where = f"The training runs (process {away.pid} on elsewhere"
    assert listening(tmp_path).message == f"{where})."
    lock.release()
    lock_path(tmp_path).write_bytes(owner)  # as it stays there when no lock comes from elsewhere
    unseen = listening(tmp_path)
    assert unseen
    assert unseen.message == f"{where}; whether it still lives cannot be seen from here)."


def test_process_that_dies_frees_those_who_wait(tmp_path: Path) -> None:
    """A request that it had not taken is taken back; one that it had is told to be cut short."""
    code = (
        "import sys, time; from pathlib import Path; from tests.restore.test_live import Training\n"
        "training = Training(Path(sys.argv[1])); training.__enter__(); print('ready', flush=True)\n"
        "training.take(); print('taken', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        listener = Mailbox(tmp_path).listener()
        assert listener is not None
        first, second = (
            new_request(listener, Action.PAUSE, source=Source.PYTHON) for _ in range(2)
        )
        ask(tmp_path, first)
        assert process.stdout.readline() == "taken\n"
        carried_out = outcome_of(tmp_path, first.id)
        ask(tmp_path, second)
        process.kill()
        process.wait()
    assert carried_out is not None
    assert carried_out.outcome is Outcome.WORKING
    outcomes = [outcome_of(tmp_path, request.id) for request in (first, second)]
    assert [item.outcome for item in outcomes if item is not None] == [
        Outcome.FAILED,
        Outcome.NOBODY,
    ]
    assert Mailbox(tmp_path).waiting(second.id) is None


def test_request_that_nobody_takes_in_time_is_taken_back(tmp_path: Path) -> None:
    """It cannot be carried out later, and everybody who asks is told the same."""
    with Training(tmp_path) as training:
        answer = Live(tmp_path, timeout=0.2).stop()
        assert answer.outcome is Outcome.EXPIRED
        assert "within 0.2 s. It was taken back; nothing was changed." in answer.message
        assert not training.mailbox.take()
        assert training.mailbox.answer_to(answer.id) == answer
    assert [line.outcome for line in read_audit(tmp_path)] == ["asked", "expired"]


def test_nothing_is_known_of_what_was_never_asked(tmp_path: Path) -> None:
    """Unlike of what waits."""
    with Training(tmp_path):
        assert outcome_of(tmp_path, "0" * 32) is None
        request = new_request(LISTENER, Action.SAVE, source=Source.PANEL, request_id="1" * 32)
        ask(tmp_path, request)
        waiting = outcome_of(tmp_path, "1" * 32)
        assert waiting is not None
        assert waiting.message == "It waits for the end of the batch."


def test_removed_request_is_told(tmp_path: Path) -> None:
    """Whoever waits for it does not wait for ever."""

    def remove() -> None:
        directory = tmp_path / "timeline" / "control" / "live" / "requests"
        while not any(directory.iterdir()):
            time.sleep(0.01)
        for path in directory.iterdir():
            path.unlink()

    with Training(tmp_path):
        thread = threading.Thread(target=remove)
        thread.start()
        answer = Live(tmp_path).pause()
        thread.join()
    assert answer.outcome is Outcome.FAILED
    assert "removed" in answer.message
