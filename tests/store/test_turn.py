"""One at a time."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from unittest import mock

from epochline.store.flock import Flock
from epochline.store.turn import turn


def test_only_one_has_the_turn(tmp_path: Path) -> None:
    """A second one is told at once that others have it, and gets it when they are done."""
    path = tmp_path / "control" / "turn"
    with turn(path, wait_seconds=0) as first:
        assert first is Flock.HELD
        with turn(path, wait_seconds=0) as second:
            assert second is Flock.BUSY
        with turn(path, wait_seconds=0) as third:
            assert third is Flock.BUSY, "who did not have the turn does not give it away"
    with turn(path, wait_seconds=0) as again:
        assert again is Flock.HELD


def test_who_waits_gets_the_turn_when_it_is_free(tmp_path: Path) -> None:
    """Within the time that it wants to wait."""
    path = tmp_path / "turn"
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        with turn(path, wait_seconds=0):
            held.set()
            free.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(60)
    threading.Timer(0.05, free.set).start()
    started = time.monotonic()
    with turn(path, wait_seconds=60) as mine:
        assert mine is Flock.HELD
    assert time.monotonic() - started >= 0.04
    holder.join()


def test_where_there_are_no_locks_it_is_said(tmp_path: Path) -> None:
    """The work is done, and what may disturb others is left."""
    with (
        mock.patch("epochline.store.turn.try_flock", return_value=Flock.UNSUPPORTED),
        turn(tmp_path / "turn", wait_seconds=0) as mine,
    ):
        assert mine is Flock.UNSUPPORTED
