"""From runs to directories."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tensorboard_plugin_epochline.directories import RunDirectories


@pytest.mark.parametrize(
    ("logdir", "run", "expected"),
    [
        ("/logs", "pima/timeline", "/logs/pima"),
        ("/logs/", "timeline", "/logs"),
        ("/logs/pima/timeline", ".", "/logs/pima"),
        ("/logs/copied", ".", "/logs/copied"),
        ("logs", "pima/timeline", "CWD/logs/pima"),
        ("~/logs", "pima/timeline", "HOME/logs/pima"),
    ],
)
def test_directory_is_the_one_with_the_timeline(logdir: str, run: str, expected: str) -> None:
    """The run directory holds `timeline/`, however TensorBoard was told of it."""
    expected = expected.replace("CWD", str(Path.cwd())).replace("HOME", str(Path.home()))

    directory = RunDirectories(logdir, None).find(run)

    assert directory.local == Path(expected)
    assert directory.shown == expected
    assert directory.file("checkpoints/a.h5") == f"{expected}/checkpoints/a.h5"
    assert directory.file("/elsewhere/a.h5") == "/elsewhere/a.h5"


@pytest.mark.parametrize(
    ("logdir", "run", "expected"),
    [
        ("gs://bucket/logs", "pima/timeline", "gs://bucket/logs/pima"),
        ("s3://bucket/pima/timeline", ".", "s3://bucket/pima"),
        ("", "pima/timeline", ""),
    ],
)
def test_directory_elsewhere_is_not_taken_for_a_local_one(
    logdir: str, run: str, expected: str
) -> None:
    """A URL is shown as such, and a log directory that is not known is no relative path."""
    directory = RunDirectories(logdir, None).find(run)

    assert directory.local is None
    if expected:
        assert directory.shown == expected
        assert directory.file("checkpoints/a.h5") == f"{expected}/checkpoints/a.h5"


def test_multiplexer_knows_better() -> None:
    """With `--logdir_spec` only TensorBoard's Python loader knows where a run is."""
    paths = {"one/timeline": "/data/first/timeline"}
    multiplexer = SimpleNamespace(RunPaths=lambda: paths)

    assert RunDirectories("", multiplexer).find("one/timeline").local == Path("/data/first")
