"""Errors of the disk at each single operation, and a disk that is really full or read-only."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from epochline.store import CheckpointStore, digest_file, write_atomic
from tests.store.disks import Report, run_on_small_disk
from tests.store.faults import Faults, disk_full, fail, files_in
from tests.store.scenarios import LOCKING, NAME, NEW, OLD, SCENARIOS, TIDYING, Scenario

ALL = {**SCENARIOS, "lock": LOCKING, "tidy up": TIDYING}


def _run(scenario: Scenario, directory: Path, faults: Faults) -> OSError | None:
    directory.mkdir()
    scenario.prepare(directory)
    try:
        with faults:
            scenario.act(directory)
    except OSError as error:
        return error
    return None


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("name", ALL)
def test_an_error_at_any_operation_is_raised_and_leaves_old_or_new(
    tmp_path: Path, name: str, number: int
) -> None:
    """One failing operation, each in turn: a loud error, an allowed state, no temporary file."""
    scenario = ALL[name]
    for at in range(1000):
        directory = tmp_path / str(at)
        faults = Faults(at, fail(number))
        error = _run(scenario, directory, faults)
        if not faults.reached:
            assert error is None
            assert files_in(directory) == scenario.after
            assert at >= 4
            return
        assert error is not None, f"{faults.calls[at]} failed silently"
        assert error.errno == number
        assert str(directory) in str(error.filename)
        allowed = [getattr(scenario, state) for state in scenario.after_error]
        if name == "lock":  # who held it may still be written there
            assert files_in(directory).keys() <= {"lock"}
        else:
            assert files_in(directory) in allowed, faults.calls[at]


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_disk_that_fills_up_at_any_operation_leaves_old_or_new(tmp_path: Path, name: str) -> None:
    """From each operation on nothing more fits: old or new files, no temporary file."""
    scenario = SCENARIOS[name]
    for at in range(1000):
        directory = tmp_path / str(at)
        faults = Faults(at, disk_full, sticky=True)
        error = _run(scenario, directory, faults)
        allowed = [getattr(scenario, state) for state in scenario.after_error]
        assert files_in(directory) in ([scenario.after] if error is None else allowed)
        if not faults.reached:
            assert error is None
            return


def test_the_first_error_is_raised_when_cleaning_up_fails_too(tmp_path: Path) -> None:
    """A dead disk: the old file stays, the first error is raised, the second is told as a note."""
    (tmp_path / NAME).write_bytes(OLD)
    with (
        pytest.raises(OSError, match="input/output error") as raised,
        Faults(5, fail(errno.EIO), sticky=True),
    ):
        write_atomic(tmp_path / NAME, NEW, replace=True)
    assert (tmp_path / NAME).read_bytes() == OLD
    assert any(".tmp-" in note for note in raised.value.__notes__)


def test_short_writes_are_continued(tmp_path: Path) -> None:
    """A file system that takes a few bytes at a time still gets every byte once."""
    original = os.write
    with mock.patch.object(os, "write", lambda fd, data: original(fd, bytes(data)[:977])):
        written = write_atomic(tmp_path / NAME, NEW, replace=False)
    assert (tmp_path / NAME).read_bytes() == NEW
    assert digest_file(tmp_path / NAME).digest == written.digest


def test_a_file_system_that_takes_nothing_is_an_error(tmp_path: Path) -> None:
    """A write that returns 0 must not turn into an endless loop."""
    with mock.patch.object(os, "write", return_value=0), pytest.raises(OSError, match="save"):
        write_atomic(tmp_path / NAME, NEW, replace=False)
    assert files_in(tmp_path) == {}


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EINVAL])
def test_reserving_space_is_optional(tmp_path: Path, number: int) -> None:
    """File systems that cannot reserve space are written to all the same."""
    with mock.patch.object(os, "posix_fallocate", side_effect=OSError(number, "no")):
        write_atomic(tmp_path / NAME, NEW, replace=False)
    assert files_in(tmp_path) == {NAME: NEW}


def test_directories_that_cannot_be_synced_are_accepted(tmp_path: Path) -> None:
    """Some network file systems answer EINVAL to the sync of a directory; that is no failure."""
    original = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "no")
        original(descriptor)

    with mock.patch.object(os, "fsync", fsync):
        write_atomic(tmp_path / NAME, NEW, replace=False)
    assert files_in(tmp_path) == {NAME: NEW}


def test_a_directory_that_vanishes_is_told_and_made_again_by_the_next_save(tmp_path: Path) -> None:
    """Somebody removes the run's directory during a save: an error, and the next save works."""
    store = CheckpointStore(tmp_path / "run")

    def pieces() -> Iterator[bytes]:
        yield b"half"
        (tmp_path / "run").rename(tmp_path / "elsewhere")
        yield b"rest"

    with pytest.raises(FileNotFoundError, match="not there"):
        store.save(NAME, pieces())
    store.save(NAME, NEW)
    assert files_in(tmp_path / "run") == {NAME: NEW}


@pytest.fixture(scope="module", params=[True, False], ids=["real", "simulated"])
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """What happened on a disk of 4 MB."""
    return run_on_small_disk("full", tmp_path_factory.mktemp("full"), real=request.param)


@pytest.fixture(scope="module", params=[True, False], ids=["real", "simulated"])
def read_only(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """What happened on a disk that became read-only."""
    return run_on_small_disk("read_only", tmp_path_factory.mktemp("read_only"), real=request.param)


@pytest.mark.parametrize("attempt", ["save", "save_pieces", "overwrite", "export"])
def test_a_full_disk_is_an_error_with_the_space_needed_and_free(full: Report, attempt: str) -> None:
    """Larger than what is free: the error says so, the last good file stays, nothing is left."""
    outcome = full[attempt]
    assert outcome.errno == errno.ENOSPC, outcome
    assert "the disk is full" in outcome.message
    assert re.search(r"\d MB (needed|written), .+ free\)", outcome.message)
    assert outcome.files == [NAME]
    assert outcome.intact


def test_training_goes_on_after_a_full_disk(full: Report) -> None:
    """Once there is space again, the next save succeeds."""
    assert full["after_deleting"].errno == 0
    assert full["after_deleting"].files == ["small.weights.h5"]


@pytest.mark.parametrize("attempt", ["save", "overwrite", "save_below", "delete", "tidy", "lock"])
def test_a_read_only_directory_is_an_error_that_says_so(read_only: Report, attempt: str) -> None:
    """Nothing can be written or removed: the error says why, the file stays."""
    outcome = read_only[attempt]
    assert outcome.errno == errno.EROFS, outcome
    assert "read-only" in outcome.message
    assert "Use a directory that can be written" in outcome.message
    assert outcome.intact


def test_files_in_a_read_only_directory_can_be_verified_and_exported(read_only: Report) -> None:
    """Reading needs no right to write."""
    assert read_only["export_from"].errno == 0
    assert read_only["export_from"].intact
