"""What a session says reaches the disk, whatever the disk does, and never stops a training."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from epochline import open_run
from epochline.events import EndReason, EpochEnded, SessionStarted
from epochline.session import Session, lock_path
from epochline.store import RunLock, is_locked
from epochline.timeline import RunState


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A session that has begun."""
    session = Session(tmp_path / "run")
    session.start()
    session.record(SessionStarted(monitor="loss", planned_epochs=9))
    yield session
    session.end(EndReason.FAILED)


def epoch(session: Session, number: int) -> None:
    """Records an epoch."""
    session.epoch = number
    session.record(EpochEnded(metrics={"loss": 1.0 / (1 + number)}))


def epochs(run_dir: Path) -> list[int]:
    """The epochs that a run shows."""
    return [row.epoch for row in open_run(run_dir).timeline.epochs]


@pytest.mark.parametrize("fate", ["deleted", "moved", "event file deleted"])
def test_a_run_that_is_taken_away_is_begun_again(
    session: Session, caplog: pytest.LogCaptureFixture, fate: str
) -> None:
    """Told once, in log and timeline; what comes later is found where it belongs."""
    run_dir = session.run_dir
    epoch(session, 0)
    if fate == "deleted":
        shutil.rmtree(run_dir)
    elif fate == "moved":
        run_dir.rename(run_dir.with_name("elsewhere"))
    else:
        next((run_dir / "timeline").glob("events*")).unlink()
    for number in (1, 2):
        epoch(session, number)
    session.end(EndReason.COMPLETED)
    run = open_run(run_dir)
    assert epochs(run_dir) == [1, 2]
    assert [notice.code for notice in run.notices] == ["log_lost"]
    assert len(run.gaps) == 1, "what is gone is shown as a gap"
    assert run.monitor == "loss", "what is trained is said again"
    assert run.sessions[0].end_reason is EndReason.COMPLETED
    assert caplog.text.count("was deleted or moved away") == 1
    if fate == "moved":
        assert epochs(run_dir.with_name("elsewhere")) == [0]


def test_a_run_that_is_taken_away_is_locked_again(session: Session) -> None:
    """Nobody else may write where this session goes on, and readers see that it lives."""
    shutil.rmtree(session.run_dir)
    epoch(session, 0)
    assert is_locked(lock_path(session.run_dir))
    assert open_run(session.run_dir).state is RunState.RUNNING


def test_a_run_that_was_taken_over_is_shared_and_told(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """Another training began where this one's directory was: both go on, and it is told once."""
    shutil.rmtree(session.run_dir)
    with RunLock(lock_path(session.run_dir)):
        for number in (0, 1):
            epoch(session, number)
    assert epochs(session.run_dir) == [0, 1]
    notices = [notice.code for notice in open_run(session.run_dir).notices]
    assert sorted(notices) == ["log_lost", "run_shared"]
    assert caplog.text.count("Another training is writing to this run") == 1


def test_a_run_that_could_not_be_locked_is_locked_as_soon_as_the_disk_is_well(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A disk that is full when the training begins: told once, in log and timeline."""
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    session = Session(tmp_path)
    with mock.patch.object(os, "write", side_effect=full):
        session.start()
        session.record(SessionStarted())
        epoch(session, 0)
    assert not is_locked(lock_path(tmp_path))
    epoch(session, 1)
    assert is_locked(lock_path(tmp_path))
    session.end(EndReason.COMPLETED)
    run = open_run(tmp_path)
    assert epochs(tmp_path) == [0, 1]
    assert not run.gaps
    assert [notice.code for notice in run.notices] == ["log_delayed"]
    assert "disk is full" in run.notices[0].message
    assert caplog.text.count("Epochline cannot write to") == 1
    assert "are lost" not in caplog.text


def test_records_that_never_reach_the_disk_are_counted(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """The end of the process is the end of what was kept; it is told how much that was."""
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with mock.patch.object(os, "write", side_effect=full):
        for number in range(5):
            epoch(session, number)
        session.end(EndReason.COMPLETED)
    assert "6 records of this training could not be written" in caplog.text
    assert epochs(session.run_dir) == []


@pytest.mark.parametrize("operation", ["close", "ftruncate"])
def test_a_disk_that_fails_at_the_end_does_not_raise(
    session: Session, caplog: pytest.LogCaptureFixture, operation: str
) -> None:
    """Closing the file and giving back the lock are work for the disk, too."""
    original = getattr(os, operation)

    def fail(descriptor: int, *arguments: int) -> None:
        original(descriptor, *arguments)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with mock.patch.object(os, operation, fail):
        session.end(EndReason.COMPLETED)
    assert not is_locked(lock_path(session.run_dir))
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_records_of_several_threads_are_numbered_without_a_gap(session: Session) -> None:
    """The thread that saves and the one that trains may speak at the same time."""

    def speak(first: int) -> None:
        for number in range(first, first + 50):
            epoch(session, number)

    threads = [threading.Thread(target=speak, args=(50 * index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run = open_run(session.run_dir)
    assert not run.gaps
    assert len(run.timeline.epochs) == 200
