"""A killed training is continued on every backend; see docs/resume.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.resume.harness import continued, zygote


@pytest.mark.parametrize(
    ("model", "data", "kill", "begins"),
    [("dense", "arrays", "SIGTERM", "2.4"), ("cnn", "PyDataset", "batch", "2.0")],
)
def test_killed_training_is_continued_bit_for_bit(
    tmp_path: Path, model: str, data: str, kill: str, begins: str
) -> None:
    """Killed in one process, continued in another, compared with one that nobody disturbed."""
    with zygote(tmp_path, "first") as first, zygote(tmp_path, "second") as second:
        result = continued(tmp_path, first, second, model=model, data=data, kill=kill)
        assert result.difference == "", second.said()
    assert result.begins == begins
