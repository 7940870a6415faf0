"""Temporary files of dead writers, and only those."""

from __future__ import annotations

import os
import time
from pathlib import Path
from unittest import mock

import pytest

from epochline.store import PendingFile, remove_leftovers
from epochline.store.atomic import temporary_name
from epochline.store.flock import Flock
from tests.store.faults import files_in

NAME = "epoch-0001.weights.h5"


@pytest.fixture
def leftover(tmp_path: Path) -> Path:
    """What a killed writer leaves."""
    path = tmp_path / temporary_name(NAME)
    path.write_bytes(b"half")
    return path


def test_a_leftover_is_removed_and_named(tmp_path: Path, leftover: Path) -> None:
    """Once, and then there is none."""
    assert remove_leftovers(tmp_path) == (leftover,)
    assert remove_leftovers(tmp_path) == ()
    assert files_in(tmp_path) == {}


def test_everything_else_stays(tmp_path: Path) -> None:
    """Other names, links, directories, and what is below."""
    (tmp_path / NAME).write_bytes(b"x")
    (tmp_path / ".tmp-mine.weights.h5").write_bytes(b"x")
    (tmp_path / ".tmp-12-mine").write_bytes(b"x")
    (tmp_path / temporary_name("directory")).mkdir()
    (tmp_path / temporary_name("link")).symlink_to(tmp_path / NAME)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / temporary_name(NAME)).write_bytes(b"x")
    before = sorted(tmp_path.rglob("*"))
    assert remove_leftovers(tmp_path) == ()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_being_written_in_this_process_stays(tmp_path: Path) -> None:
    """The lock is of the open file, so a second thread's tidying up does not take it either."""
    with PendingFile(tmp_path / NAME, replace=False) as pending:
        pending.write(b"data")
        assert remove_leftovers(tmp_path) == ()
        pending.publish()
    assert files_in(tmp_path) == {NAME: b"data"}


def test_a_file_taken_before_it_was_locked_is_made_again(tmp_path: Path) -> None:
    """Between creating and locking, a tidying process may take the file; the writer notices."""
    original = os.open
    taken: list[Path] = []

    def opened(path: Path, flags: int, mode: int = 0o777) -> int:
        descriptor = original(path, flags, mode)
        if not taken:
            taken.append(path)
            taken.extend(remove_leftovers(tmp_path))
        return descriptor

    with mock.patch.object(os, "open", opened), PendingFile(tmp_path / NAME, replace=False) as file:
        file.write(b"data")
        file.publish()
    assert len(taken) == 2
    assert files_in(tmp_path) == {NAME: b"data"}


@pytest.mark.parametrize(("age_hours", "removed"), [(23, False), (25, True)])
def test_without_locks_only_files_of_yesterday_are_leftovers(
    tmp_path: Path, leftover: Path, age_hours: int, removed: bool
) -> None:
    """Where nobody can tell whether the writer lives, a day without a write tells."""
    then = time.time() - age_hours * 3600
    os.utime(leftover, (then, then))
    with mock.patch("epochline.store.leftovers.try_flock", return_value=Flock.UNSUPPORTED):
        assert bool(remove_leftovers(tmp_path)) is removed
    assert leftover.exists() is not removed
