"""The comparison of two trainings says what differs first, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from epochline.restore.resume_proof import (
    DIRECTORY_VARIABLE,
    END,
    Snapshot,
    append_snapshot,
    first_difference,
    moved,
    read_snapshots,
)


def snapshots(*epochs: int, **values: str) -> list[Snapshot]:
    """Those of a training that always looks the same."""
    return [
        Snapshot(training="run", epoch=epoch, values={"loss": "1", **values}) for epoch in epochs
    ]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (snapshots(0, 1, 1, 2, END), None),
        (snapshots(0) + snapshots(1, loss="2"), "At epoch 2, loss is 2; uninterrupted, it is 1."),
        (snapshots(0, wait="1"), "At epoch 1, wait is 1; uninterrupted, it is missing."),
        (snapshots(0, 1, 2), "The continued training did not get to the end of run."),
        (snapshots(0, END), "The continued training did not get to epoch 2 of run."),
        (snapshots(3), "The uninterrupted training did not get to epoch 4 of run."),
    ],
)
def test_first_difference_is_named(other: list[Snapshot], said: str | None) -> None:
    """An epoch that was trained twice must have come out the same twice."""
    assert first_difference(snapshots(0, 1, 2, END), other) == said


def test_line_that_a_kill_cut_off_is_left_out(tmp_path: Path) -> None:
    """The epochs before it count."""
    path = tmp_path / "log"
    assert not read_snapshots(path)
    for item in snapshots(0, 1):
        append_snapshot(path, item)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"training": "run", "ep')
    assert [item.epoch for item in read_snapshots(path)] == [0, 1]


def test_run_directories_are_moved_aside_while_a_proof_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wherever the script says, they are made below the directory of the proof."""
    assert moved("logs/pima") == "logs/pima"
    monkeypatch.setenv(DIRECTORY_VARIABLE, "/scratch")
    assert moved("logs/pima") == "/scratch/logs/pima"
    assert moved("/data/logs") == "/scratch/data/logs"
    assert moved("../logs") == "/scratch/logs"
