"""Trainings that are really killed, in the middle of everything, and really continued.

Each row is killed in one process and continued in another, and compared with a training of a third
one that nobody disturbed: the loss of every batch, every variable, the metrics, the random state.
What has been seen so beside these rows is in docs/resume.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.resume.harness import Zygote, assert_continued


@pytest.mark.parametrize(
    ("model", "data", "kill", "begins"),
    [
        ("dense", "arrays", "batch", "2.0"),
        ("dense", "arrays", "SIGTERM", "2.4"),
        ("cnn", "tf.data", "SIGTERM", "2.4"),
        ("lstm", "PyDataset", "batch", "2.0"),
        ("ema", "arrays", "save", "2.0"),
        ("loss_scale", "tf.data", "validation", "2.0"),
        ("two_metrics", "PyDataset", "SIGTERM", "2.4"),
        ("unbuilt", "arrays", "SIGTERM", "2.4"),
        ("dense", "repeated", "SIGTERM", "2.4"),
        ("dense", "unknown length", "SIGTERM", "2.4"),
        ("dense", "augmented", "SIGTERM", "2.4"),
        # Who reads ahead and draws random numbers for that can be continued between epochs only.
        ("dense", "drawing", "SIGTERM", "3.0"),
    ],
)
def test_killed_training_is_continued_bit_for_bit(
    directory: Path, first: Zygote, second: Zygote, model: str, data: str, kill: str, begins: str
) -> None:
    """And from where it should be."""
    assert_continued(directory, first, second, model=model, data=data, kill=kill, begins=begins)
