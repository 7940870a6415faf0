"""`epochline plot`: a picture in a file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Command


def test_draws_into_the_file(command: Command, pima: Path, tmp_path: Path) -> None:
    """And says where it is."""
    outcome = command("plot", pima, "-o", tmp_path / "history.png", "--metric", "loss")
    assert (outcome.status, outcome.out) == (0, f"Drew pima into {tmp_path}/history.png.\n")
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "metric", "told"),
    [
        ("history.txt", "loss", "Cannot draw"),
        ("missing/history.png", "loss", "No such file or directory"),
        ("history.png", "f1", "metric 'f1'. Metrics of this run: accuracy, loss"),
    ],
)
def test_what_cannot_be_drawn_is_told_in_one_line(
    command: Command, pima: Path, tmp_path: Path, name: str, metric: str, told: str
) -> None:
    """Unknown ending, missing directory, unknown metric."""
    outcome = command("plot", pima, "-o", tmp_path / name, "--metric", metric)
    assert outcome.status == 1
    assert told in outcome.err
    assert outcome.err.count("\n") == 1


def test_missing_matplotlib_is_told(
    command: Command, pima: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to install."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    outcome = command("plot", pima, "-o", tmp_path / "history.png")
    assert outcome.status == 1
    assert "pip install 'epochline[plot]'" in outcome.err
