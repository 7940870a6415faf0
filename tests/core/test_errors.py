"""Errors are the builtin ones, say what to do, and carry their values."""

from __future__ import annotations

import pickle

import pytest

from epochline import errors

CASES: list[tuple[errors.EpochlineError, type[Exception], tuple[str, ...]]] = [
    (errors.RunNotFoundError("logs"), LookupError, ("'logs'", "Timeline(...)")),
    (errors.RunNotFoundError("logs", ["a", "b"]), LookupError, ("'logs'", "a, b")),
    (errors.CheckpointNotFoundError("epoch=3", "There are: 1."), LookupError, ("epoch=3", "1.")),
    (errors.MetricNotFoundError("acc", ["loss"]), KeyError, ("'acc'", "loss")),
    (errors.MetricNotFoundError("acc", []), LookupError, ("none yet",)),
    (errors.CheckpointMissingError("a.h5"), FileNotFoundError, ("'a.h5'", "deleted or moved")),
    (
        errors.CheckpointCorruptError("a.h5", "x1", "x2"),
        ValueError,
        ("'a.h5'", "x1", "x2", "not used"),
    ),
    (
        errors.CheckpointFormatError("a.h5", "it is text."),
        ValueError,
        ("'a.h5'", "it is text.", ".weights.h5"),
    ),
    (
        errors.CheckpointMismatchError("a.h5", [f"line {n}" for n in range(7)]),
        ValueError,
        ("line 0; line 1; line 2; line 3; line 4; and 2 more", "left as it was"),
    ),
    (errors.ModelFileError("m.keras", "it is gone"), ValueError, ("'m.keras'", "it is gone")),
    (errors.AverageError("Two models."), ValueError, ("Two models.",)),
    (errors.PruneBusyError("logs/a"), RuntimeError, ("'logs/a'", "try again")),
    (errors.RunBusyError("lock", "pid 1"), RuntimeError, ("pid 1", "directory of its own")),
    (errors.EventFormatError("bytes"), ValueError, ("bytes",)),
    (errors.WhatIfError("patience is -1."), ValueError, ("patience is -1.",)),
]


@pytest.mark.parametrize(("error", "base", "told"), CASES)
def test_error_is_a_builtin_one_and_tells_its_values(
    error: errors.EpochlineError, base: type[Exception], told: tuple[str, ...]
) -> None:
    """Code that catches the builtin class works; the message holds the values."""
    assert isinstance(error, base)
    assert isinstance(error, errors.EpochlineError)
    for text in told:
        assert text in str(error)


def test_every_error_is_exported_and_tested() -> None:
    """`__all__` names each error once, and this file has a case for each."""
    cases = {type(error).__name__ for error, _, _ in CASES}
    assert set(errors.__all__) == cases | {"EpochlineError"}


def test_format_error_survives_pickling() -> None:
    """Errors cross process borders (multiprocessing, xdist) with their message."""
    error = pickle.loads(pickle.dumps(errors.EventFormatError("bytes")))  # noqa: S301 – our own
    assert str(error) == "bytes"
