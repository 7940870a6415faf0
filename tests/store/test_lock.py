"""One living writer per run."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import threading
import time
from pathlib import Path
from unittest import mock

import pytest

from epochline.errors import RunBusyError
from epochline.store import RunLock, is_locked
from tests.store.children import Child, Children, hold_lock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A lock file in a directory that does not exist yet."""
    return tmp_path / "run" / "lock"


def _started(children: Children, path: Path, *, with_child: bool = False) -> Child:
    child = children.start(hold_lock, path=str(path), with_child=with_child)
    while not is_locked(path):
        time.sleep(0.005)
    return child


def test_a_held_lock_keeps_others_out_and_names_the_holder(children: Children, path: Path) -> None:
    """The error tells process, host and time, and what to do."""
    child = _started(children, path)
    with pytest.raises(RunBusyError, match="log directory of its own") as raised:
        RunLock(path).acquire()
    child.kill()
    assert f"process {child.pid} on {socket.gethostname()}, since 20" in raised.value.owner
    assert raised.value.path == str(path)


def test_a_killed_holder_frees_the_lock(children: Children, path: Path) -> None:
    """After `kill -9` the next training starts at once."""
    child = _started(children, path)
    assert child.kill() == -signal.SIGKILL
    assert is_locked(path) is False
    with RunLock(path) as lock:
        assert lock.enforced


def test_workers_that_outlive_a_killed_holder_do_not_keep_the_lock(
    children: Children, path: Path
) -> None:
    """Data loaders fork; an orphan of theirs must not make the run busy for ever."""
    child = _started(children, path, with_child=True)
    note = path.with_suffix(".child")
    while not (note.exists() and note.read_text()):
        time.sleep(0.005)
    child.kill()
    orphan = int(note.read_text())
    os.kill(orphan, 0)
    try:
        assert is_locked(path) is False
    finally:
        os.kill(orphan, signal.SIGKILL)


def test_a_released_lock_can_be_taken_again(path: Path) -> None:
    """Also by the same object, and releasing twice is nothing."""
    lock = RunLock(path)
    lock.release()
    for _ in range(2):
        lock.acquire()
        assert lock.enforced
        assert is_locked(path) is True
        lock.release()
        lock.release()
        assert is_locked(path) is False
        assert [lock.enforced] == [False]


def test_a_second_lock_in_the_same_process_is_refused(path: Path) -> None:
    """Two fits in two threads are two writers."""
    with RunLock(path), pytest.raises(RunBusyError, match=f"process {os.getpid()} "):
        RunLock(path).acquire()
    assert is_locked(path) is False


def test_asking_creates_nothing(path: Path) -> None:
    """Without a lock file nothing can be told, and nothing is made."""
    assert is_locked(path) is None
    assert not path.parent.exists()


def test_asking_all_the_time_never_makes_a_writer_fail(path: Path) -> None:
    """A reader takes a shared lock for a moment; writers get theirs all the same."""
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.001):
            is_locked(path)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(200):
            with RunLock(path) as lock:
                assert lock.enforced
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP])
def test_without_locks_training_goes_on_and_nothing_is_claimed(path: Path, number: int) -> None:
    """A file system without locks: taken but not enforced, and unknown to readers."""
    with mock.patch.object(fcntl, "flock", side_effect=OSError(number, "no locks")):
        with RunLock(path) as lock:
            assert not lock.enforced
            assert is_locked(path) is None
        assert is_locked(path) is None


def test_a_lock_last_held_on_another_host_cannot_be_told(path: Path) -> None:
    """Locks of network file systems may not be seen from here: unknown, not dead."""
    path.parent.mkdir()
    path.write_text(json.dumps({"pid": 1, "host": "elsewhere", "started": 0.0}))
    assert is_locked(path) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', "\0\xff", "9" * 5000])
def test_a_damaged_lock_file_does_no_harm(path: Path, content: str) -> None:
    """What is in the file is only for the message."""
    path.parent.mkdir()
    path.write_text(content)
    assert is_locked(path) is False
    with RunLock(path):
        assert is_locked(path) is True


def test_a_directory_in_its_place_is_an_error_that_says_so(path: Path) -> None:
    """What cannot be locked is told, with the path."""
    path.mkdir(parents=True)
    with pytest.raises(IsADirectoryError, match="Cannot lock this run for writing"):
        RunLock(path).acquire()
