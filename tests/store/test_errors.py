"""What the store makes of the errors of a disk, and of one that is really full or read-only."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from epochline.store import CheckpointStore, write_atomic
from tests.store.disk_attempts import Outcome, attempts_on_small_disk
from tests.store.faults import Faults, fail, files_in
from tests.store.scenarios import NAME, NEW, OLD


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
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Outcome]:
    """What happened on a disk of 4 MB that became read-only."""
    return attempts_on_small_disk(tmp_path_factory.mktemp("disk"), real=request.param)


@pytest.mark.parametrize("attempt", ["save", "save pieces", "overwrite", "export"])
def test_a_full_disk_is_an_error_with_the_space_needed_and_free(
    outcomes: dict[str, Outcome], attempt: str
) -> None:
    """Larger than what is free: the error says so, the last good file stays, nothing is left."""
    outcome = outcomes[f"large: {attempt}"]
    assert outcome.errno == errno.ENOSPC, outcome
    assert "the disk is full" in outcome.message
    assert re.search(r"\d MB (needed|written), .+ free\)", outcome.message)
    assert outcome.files == [NAME]
    assert outcome.intact


def test_what_fits_is_saved_after_a_full_disk(outcomes: dict[str, Outcome]) -> None:
    """The space that a failed save took is free again."""
    assert outcomes["small: save"].errno == 0
    assert outcomes["small: save"].files == [NAME, "small.weights.h5"]


@pytest.mark.parametrize("attempt", ["save", "overwrite", "save below", "delete", "tidy", "lock"])
def test_a_read_only_directory_is_an_error_that_says_so(
    outcomes: dict[str, Outcome], attempt: str
) -> None:
    """Nothing can be written or removed: the error says why, the file stays."""
    outcome = outcomes[f"read-only: {attempt}"]
    assert outcome.errno == errno.EROFS, outcome
    assert "read-only" in outcome.message
    assert "Use a directory that can be written" in outcome.message
    assert outcome.intact


def test_files_in_a_read_only_directory_can_be_verified_and_exported(
    outcomes: dict[str, Outcome],
) -> None:
    """Reading needs no right to write."""
    assert outcomes["read-only: export from"].errno == 0
    assert outcomes["read-only: export from"].intact
