"""A killed training is continued on every backend; see docs/resume.md.

These rows have each model, each way to be killed and each kind of data that needs no TensorFlow;
`make resume-table` measures all of them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.resume.harness import Zygote, assert_continued


@pytest.mark.parametrize(
    ("model", "data", "kill", "begins"),
    [
        ("dense", "arrays", "SIGTERM", "2.4"),
        ("cnn", "PyDataset", "batch", "2.0"),
        ("lstm", "arrays", "validation", "2.0"),
        ("ema", "PyDataset", "save", "2.0"),
        ("loss_scale", "arrays", "batch", "2.0"),
        ("two_metrics", "PyDataset", "SIGTERM", "2.4"),
    ],
)
def test_killed_training_is_continued_bit_for_bit(
    directory: Path, first: Zygote, second: Zygote, model: str, data: str, kill: str, begins: str
) -> None:
    """Killed in one process, continued in another, compared with one that nobody disturbed."""
    assert_continued(directory, first, second, model=model, data=data, kill=kill, begins=begins)
