"""The states of a run directory: complete or not there, and proven by their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from epochline.restore.resume_state import ResumeState, ResumeStateError, ResumeStates


def state(epoch: int, **more: Any) -> ResumeState:
    """A small state."""
    return ResumeState(fit=0, epoch=epoch, parts={"weights": [np.full(3, epoch)]}, **more)


@pytest.fixture
def states(tmp_path: Path) -> ResumeStates:
    """Those of a run directory that does not exist yet."""
    return ResumeStates(tmp_path / "run")


def newest(states: ResumeStates) -> ResumeState:
    """Returns the newest state."""
    found = states.newest()
    assert found is not None
    return found.state


def test_no_directory_has_no_state(states: ResumeStates) -> None:
    """A first start begins at the beginning."""
    assert states.newest() is None


def test_newest_state_is_read_as_it_was_written(states: ResumeStates) -> None:
    """All fields, arrays included."""
    states.save(state(1))
    states.save(state(2, batch=7, stopped=True, session="5f", wall_time=1e9))
    found = newest(states)
    assert (found.epoch, found.batch, found.stopped, found.session) == (2, 7, True, "5f")
    assert found.parts["weights"][0].tolist() == [2, 2, 2]


def test_two_generations_are_kept(states: ResumeStates) -> None:
    """The newest, and the one before it."""
    for epoch in range(1, 6):
        states.save(state(epoch))
    assert [path.name[:12] for path in sorted(states.directory.iterdir())] == [
        "state-000004",
        "state-000005",
    ]


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "gone", "swap"])
def test_damaged_state_falls_back_and_is_told(states: ResumeStates, damage: str) -> None:
    """Whatever happened to the newest file, the one before is used, or the loss is told."""
    first = states.save(state(1)).path
    second = states.save(state(2)).path
    data = bytearray(second.read_bytes())
    data[-1] ^= 1
    changed = {"flip": bytes(data), "cut": bytes(data[:-9]), "empty": b""}
    if damage == "gone":
        second.unlink()
    else:
        second.write_bytes(changed.get(damage, first.read_bytes()))
    found = states.newest()
    assert found is not None
    assert found.state.epoch == 1
    assert bool(found.damages) == (damage != "gone")
    assert all(second.name in item for item in found.damages)


def test_all_damaged_is_an_error(states: ResumeStates) -> None:
    """It is never taken for a first start."""
    for epoch in (1, 2):
        states.save(state(epoch)).path.write_bytes(b"nothing")
    with pytest.raises(ResumeStateError, match="to begin anew") as caught:
        states.newest()
    assert len(caught.value.reasons) == 2


def test_link_is_not_followed(states: ResumeStates, tmp_path: Path) -> None:
    """A state is a plain file of the directory."""
    path = states.save(state(1)).path
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ResumeStateError, match="symbolic link"):
        states.newest()


def test_newer_format_is_refused_in_words(
    states: ResumeStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may mean something else."""
    monkeypatch.setattr("epochline.restore.resume_state._VERSION", 2)
    states.save(state(1))
    monkeypatch.undo()
    with pytest.raises(ResumeStateError, match="format version 2, and this Epochline reads 1"):
        states.newest()


def test_failing_disk_leaves_the_states_before(
    states: ResumeStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is removed before the new state is safe."""
    states.save(state(1))
    states.save(state(2))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="disk is full"):
        states.save(state(3))
    monkeypatch.undo()
    assert newest(states).epoch == 2
    assert len([*states.directory.iterdir()]) == 2


def test_leftovers_of_killed_writers_are_removed(states: ResumeStates) -> None:
    """They would pile up otherwise."""
    states.save(state(1))
    left = states.directory / ".tmp-999999-0123456789abcdef-state-000002.safetensors"
    left.write_bytes(b"half")
    states.remove_leftovers()
    assert not left.exists()
    assert newest(states).epoch == 1
