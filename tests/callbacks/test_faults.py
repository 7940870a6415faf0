"""Trainings whose disk is full, read-only, or taken away: they go on, and nothing is lost twice."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from tests.callbacks.disk_training import (
    EPOCHS,
    SPOILED,
    WELL,
    Trained,
    Training,
    Watched,
    trainings_on_small_disk,
)
from tests.store.disks import Disk

FULL = ("full later", "full to the end", "full first")
READ_ONLY = ("read-only later", "read-only first", "read-only always")
RECOVERED = ("full later", "full first", "read-only later", "read-only first")
# When the disk is spoiled, the save before may still be on its way; when it is well again, too.
SURELY_FAILED = set(range(SPOILED, WELL - 1))
SURELY_SAVED_LATER = set(range(WELL, EPOCHS))
SURELY_SAVED_BEFORE = set(range(SPOILED - 1))


@pytest.fixture(scope="module", params=[True, False], ids=["real", "simulated"])
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Trained]:
    """What came of trainings on a disk of 4 MB."""
    return trainings_on_small_disk(tmp_path_factory.mktemp("disk"), real=request.param)


def seen(watched: Watched | None) -> Watched:
    """There is a run to be seen."""
    assert watched is not None
    return watched


@pytest.mark.parametrize("name", [*FULL, *READ_ONLY])
def test_training_goes_on_with_the_same_result(trained: dict[str, Trained], name: str) -> None:
    """`fit` does not raise; weights, optimizer and history are those without Timeline."""
    assert trained[name].same


@pytest.mark.parametrize("name", [*FULL, *READ_ONLY])
def test_each_failed_save_and_the_failed_log_are_told_once(
    trained: dict[str, Trained], name: str
) -> None:
    """Nothing fails silently, and nothing is told twice."""
    log = trained[name].log
    saves = [line for line in log if "could not save" in line]
    assert len(saves) == len(set(saves)) >= len(SURELY_FAILED)
    assert all(line.startswith("ERROR") for line in log)
    assert all("Training goes on" in line for line in log if "are lost" not in line)
    told = [line for line in log if "Epochline cannot write to" in line]
    assert len(told) == (name != "read-only later"), "a file that is open stays writable"
    if name in RECOVERED:
        assert not [line for line in log if "are lost" in line]


@pytest.mark.parametrize("name", ["full later", "full to the end", "read-only later"])
def test_what_was_good_before_stays_good(trained: dict[str, Trained], name: str) -> None:
    """While the disk fails and after, the checkpoints from before are listed and verified."""
    for moment in (seen(trained[name].during), seen(trained[name].after)):
        assert set(moment.saved) >= SURELY_SAVED_BEFORE
        assert not moment.unreadable


@pytest.mark.parametrize("name", RECOVERED)
def test_everything_is_recorded_once_the_disk_is_well(
    trained: dict[str, Trained], name: str
) -> None:
    """Epochs, failed saves, curves and the end are there without a gap; saving works again."""
    after = seen(trained[name].after)
    assert after.epochs == list(range(EPOCHS))
    assert after.curve == list(range(EPOCHS))
    assert not after.gaps
    assert after.ended == "completed"
    assert set(after.failed) >= SURELY_FAILED
    assert set(after.failed.values()) == {errno.ENOSPC if name in FULL else errno.EROFS}
    assert set(after.saved) >= SURELY_SAVED_LATER
    assert set(after.saved) | set(after.failed) == set(range(EPOCHS))
    assert not after.unreadable
    assert not after.temporary


def test_a_disk_that_stays_full_says_what_is_lost(trained: dict[str, Trained]) -> None:
    """What could be written is there, and the log says how much was not."""
    report = trained["full to the end"]
    assert seen(report.after).ended == ""
    assert not seen(report.after).gaps
    assert [line for line in report.log if "records of this training could not be written" in line]


def test_a_disk_that_is_always_read_only_shows_no_run(trained: dict[str, Trained]) -> None:
    """Nothing was written, and the log says that all is lost."""
    report = trained["read-only always"]
    assert report.after is None
    assert len([line for line in report.log if "could not save" in line]) == EPOCHS
    assert [line for line in report.log if "are lost" in line]


@pytest.fixture(scope="module")
def training() -> Training:
    """A training that can be repeated."""
    return Training()


@pytest.mark.parametrize("part", [".", "timeline", "checkpoints"])
@pytest.mark.parametrize("fate", ["deleted", "moved"])
def test_a_directory_that_vanishes_is_begun_again(
    training: Training, tmp_path: Path, part: str, fate: str
) -> None:
    """Training goes on with the same result; what comes later is saved, listed and verified."""
    run_dir, elsewhere = tmp_path / "run", tmp_path / "elsewhere"

    def vanish() -> None:
        (run_dir / part).rename(elsewhere)
        if fate == "deleted":
            shutil.rmtree(elsewhere)

    report = training.run(run_dir, {SPOILED: vanish})
    after = seen(report.after)
    assert report.same
    assert set(after.saved) >= set(range(SPOILED, EPOCHS))
    assert set(after.epochs) >= set(range(SPOILED, EPOCHS))
    assert after.ended == "completed"
    assert not after.unreadable
    assert not after.temporary
    told = [line for line in report.log if "deleted or moved away" in line]
    assert len(told) == (part != "checkpoints")
    assert len(after.gaps) == (part != "checkpoints")


def test_a_directory_that_cannot_be_made_again_loses_nothing_but_files(
    training: Training, tmp_path: Path
) -> None:
    """A file stands where the run directory was: told, and the result is the same."""
    run_dir = tmp_path / "run"

    def replace() -> None:
        shutil.rmtree(run_dir)
        run_dir.write_text("in the way")

    report = training.run(run_dir, {SPOILED: replace})
    assert report.same
    assert report.after is None
    assert len([line for line in report.log if "could not save" in line]) >= len(SURELY_FAILED)
    assert len([line for line in report.log if "Epochline cannot write to" in line]) == 1


def test_a_leftover_that_cannot_be_removed_stops_nothing(
    training: Training, tmp_path: Path
) -> None:
    """A half file of a killed training on a disk that is read-only at first: all is recorded."""
    run_dir = tmp_path / "run"
    (run_dir / "checkpoints").mkdir(parents=True)
    leftover = run_dir / "checkpoints" / ".tmp-1-0123456789abcdef-epoch-0001.weights.h5"
    leftover.write_bytes(b"half")
    with Disk(tmp_path, "simulated") as disk:
        disk.make_read_only()
        report = training.run(run_dir, {WELL: disk.make_writable})
    after = seen(report.after)
    assert report.same
    assert not [line for line in report.log if "Epochline failed" in line]
    assert after.epochs == after.curve == list(range(EPOCHS))
    assert set(after.saved) >= SURELY_SAVED_LATER
