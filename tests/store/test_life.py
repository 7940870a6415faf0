"""The checks of the kill and power tests can fail: each of them finds what it is there for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.life import Life, check_run, start_again


def _saved(run_dir: Path) -> Path:
    return next((run_dir / "checkpoints").glob("epoch-*.weights.h5"))


def _events(run_dir: Path) -> Path:
    return next((run_dir / "timeline").glob("*tfevents*"))


def _change_a_byte(run_dir: Path) -> None:
    data = bytearray(_saved(run_dir).read_bytes())
    data[-1] ^= 1
    _saved(run_dir).write_bytes(data)


def _delete(run_dir: Path) -> None:
    _saved(run_dir).unlink()


def _truncate(run_dir: Path) -> None:
    os.truncate(_saved(run_dir), 100)


def _leave_a_temporary_file(run_dir: Path) -> None:
    (run_dir / ".tmp-1-0123456789abcdef-a.weights.h5").touch()


def _tear_the_events(run_dir: Path) -> None:
    with _events(run_dir).open("ab") as file:
        file.write(b"torn")


@pytest.fixture
def lived(tmp_path: Path) -> Path:
    """A run of two sessions that is as it should be."""
    for _ in range(2):
        life = Life(tmp_path, floats=50)
        life.turn(life.begin())
        life.end()
    return tmp_path


def test_a_run_that_is_well_passes(lived: Path) -> None:
    """Nothing is found where there is nothing."""
    assert check_run(lived) == []
    start_again(lived)


def test_other_bytes_are_found(lived: Path) -> None:
    """At once, by their digest."""
    _change_a_byte(lived)
    (message,) = check_run(lived)
    assert "epoch-" in message


@pytest.mark.parametrize(
    "damage",
    [_change_a_byte, _delete, _truncate, _leave_a_temporary_file, _tear_the_events],
    ids=lambda damage: damage.__name__,
)
def test_what_is_not_well_is_found_by_the_next_start(
    lived: Path, damage: Callable[[Path], None]
) -> None:
    """Each kind of damage by one of the checks."""
    damage(lived)
    with pytest.raises(AssertionError):
        start_again(lived)


def test_as_many_may_be_missing_as_are_said_to_be_lost(lived: Path) -> None:
    """And not one more."""
    _delete(lived)
    start_again(lived, lost=1)
    _delete(lived)
    with pytest.raises(AssertionError):
        start_again(lived, lost=1)
