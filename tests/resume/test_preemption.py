"""Signals end a training where it can be continued, and belong to the user at all other times."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import pytest

from epochline import open_run
from epochline.callbacks import Resume
from epochline.events import EndReason
from epochline.restore.resume_state import ResumeStates
from tests.resume.scripts import Crash, Killed, script, state_of


class Send(keras.callbacks.Callback):
    """Sends signals to its own process at a batch."""

    def __init__(self, epoch: int, batch: int, *numbers: signal.Signals) -> None:
        super().__init__()
        self._at = (epoch, batch)
        self._epoch = 0
        self._numbers = numbers

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        if (self._epoch, batch) == self._at:
            for number in self._numbers:
                os.kill(os.getpid(), number)


class Ended(BaseException):
    """What a handler of the test raises in place of the death of the process."""


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def place(run_dir: Path) -> tuple[int, int]:
    """Returns epoch and batch of the newest state."""
    found = ResumeStates(run_dir).newest()
    assert found is not None
    return found.state.epoch, found.state.batch


@pytest.mark.parametrize(("batch", "saved"), [(2, (1, 3)), (4, (2, 0))])
def test_sigterm_saves_at_the_next_batch_and_ends_the_process(
    run_dir: Path, tmp_path: Path, batch: int, saved: tuple[int, int]
) -> None:
    """Behind the last batch of an epoch that is its end; the next start goes on from there."""
    whole = state_of(script(tmp_path / "whole"))
    with pytest.raises(SystemExit) as caught:
        script(run_dir, Send(1, batch, signal.SIGTERM))
    assert caught.value.code == 143
    assert place(run_dir) == saved
    end = open_run(run_dir).sessions[-1].end
    assert end is not None
    assert end.reason is EndReason.INTERRUPTED
    assert "SIGTERM" in end.message
    assert state_of(script(run_dir)) == whole


def test_exit_code_is_the_users_choice(run_dir: Path) -> None:
    """Some schedulers start again by it."""
    with pytest.raises(SystemExit) as caught:
        script(run_dir, Send(0, 1, signal.SIGTERM), resume=Resume(run_dir, exit_code=75))
    assert caught.value.code == 75


def test_sigterm_in_the_last_epoch_is_not_swallowed(run_dir: Path) -> None:
    """The process ends as it was asked, though nothing was left to train."""
    with pytest.raises(SystemExit):
        script(run_dir, Send(1, 4, signal.SIGTERM), epochs=2)
    assert script(run_dir, epochs=2).history.epoch == [0, 1]


def test_ctrl_c_saves_if_asked(run_dir: Path, tmp_path: Path) -> None:
    """And is a `KeyboardInterrupt` then, as always; the next start goes on from there."""
    whole = state_of(script(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        script(run_dir, Send(1, 2, signal.SIGINT), resume=Resume(run_dir, interrupt=True))
    assert place(run_dir) == (1, 3)
    assert state_of(script(run_dir)) == whole


def test_ctrl_c_is_left_alone_otherwise(run_dir: Path) -> None:
    """It interrupts at once."""
    with pytest.raises(KeyboardInterrupt):
        script(run_dir, Send(1, 2, signal.SIGINT))
    assert place(run_dir) == (1, 0)


def test_second_signal_does_what_it_always_did(run_dir: Path) -> None:
    """Whoever does not want to wait need not."""

    def handler(*_: Any) -> None:
        raise Ended

    signal.signal(signal.SIGTERM, handler)
    with pytest.raises(Ended):
        script(run_dir, Send(1, 2, signal.SIGTERM, signal.SIGTERM))
    assert place(run_dir) == (1, 0)


def test_handler_of_the_user_is_called_when_all_is_saved(run_dir: Path) -> None:
    """It decides what happens then: here the training goes on."""
    seen: list[tuple[int, int]] = []
    signal.signal(signal.SIGTERM, lambda *_: seen.append(place(run_dir)))
    assert script(run_dir, Send(1, 2, signal.SIGTERM)).history.epoch == [*range(6)]
    assert seen == [(1, 3)]


@pytest.mark.parametrize("leave", [lambda: None, lambda: Crash(0)])
def test_handlers_are_the_users_again_behind_fit(
    run_dir: Path, leave: Callable[[], keras.callbacks.Callback | None]
) -> None:
    """Also when it was left by an exception: a signal then is not taken for one of a training."""

    def handler(*_: Any) -> None:
        raise Ended

    signal.signal(signal.SIGTERM, handler)
    crash = leave()
    if crash is None:
        script(run_dir, epochs=1)
        assert signal.getsignal(signal.SIGTERM) is handler
    else:
        with pytest.raises(Killed):
            script(run_dir, crash)
    with pytest.raises(Ended):
        os.kill(os.getpid(), signal.SIGTERM)


def test_ignored_signal_stays_ignored(run_dir: Path) -> None:
    """Somebody has decided that SIGTERM means nothing."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert script(run_dir, Send(0, 1, signal.SIGTERM), epochs=2).history.epoch == [0, 1]


def test_signals_are_not_watched_if_not_wanted(run_dir: Path) -> None:
    """`preemption=False` leaves SIGTERM to the user."""
    seen: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    script(run_dir, Send(0, 1, signal.SIGTERM), epochs=1, resume=Resume(run_dir, preemption=False))
    assert seen == [signal.SIGTERM]
    assert place(run_dir) == (1, 0)


def test_fit_in_another_thread_is_saved_without_signals(run_dir: Path) -> None:
    """Python delivers them to the main thread only; that is told."""
    thread = threading.Thread(target=script, args=(run_dir,), kwargs={"epochs": 2})
    thread.start()
    thread.join()
    assert place(run_dir) == (2, 0)
    assert "signals_not_watched" in {item.code for item in open_run(run_dir).notices}
