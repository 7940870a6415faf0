"""Two trainings side by side: one that was killed and continued, one that never was.

While a proof runs, an environment variable names a file to which each training appends the digests
of all that it consists of, once an epoch; another one moves its run directories aside. This module
knows those files and nothing of Keras.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

__all__ = [
    "DIRECTORY_VARIABLE",
    "END",
    "LOG_VARIABLE",
    "Snapshot",
    "append_snapshot",
    "first_difference",
    "moved",
    "read_snapshots",
]

LOG_VARIABLE: Final = "EPOCHLINE_RESUME_PROOF_LOG"
"""Names the file to append to."""
DIRECTORY_VARIABLE: Final = "EPOCHLINE_RESUME_PROOF_DIRECTORY"
"""Names the directory below which run directories are made, instead of where the script says."""

END: Final = -1
"""Stands for the end of the training in place of an epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a training was at one moment.

    Attributes:
        training: Name of the run directory, and how many trainings had ended in it before.
        epoch: Zero-based epoch that has ended; `END` behind the last hook of the training.
        values: Name of each thing, and its digest or its value.
        wall_time: When, in seconds since the Unix epoch.
    """

    training: str
    epoch: int
    values: Mapping[str, str]
    wall_time: float = field(default_factory=time.time)

    @property
    def place(self) -> tuple[str, int]:
        """Which training, and which moment of it."""
        return self.training, self.epoch

    @property
    def words(self) -> str:
        """Where this is, in words."""
        return "the end" if self.epoch == END else f"epoch {self.epoch + 1}"


def moved(log_dir: str) -> str:
    """Returns where a run directory is: elsewhere while a proof runs."""
    directory = os.environ.get(DIRECTORY_VARIABLE)
    if not directory:
        return log_dir
    path = Path(log_dir)
    return str(Path(directory, *(part for part in path.parts if part not in {path.anchor, ".."})))


def append_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Appends a snapshot to the file of one training; what was appended survives a kill."""
    line = json.dumps(asdict(snapshot)) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def read_snapshots(path: Path) -> list[Snapshot]:
    """Returns what a training appended; a line that a kill has cut off is left out."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    whole: Iterable[Mapping[str, Any]] = (
        json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")
    )
    return [Snapshot(**line) for line in whole]


def first_difference(reference: Sequence[Snapshot], other: Sequence[Snapshot]) -> str | None:
    """Returns in a sentence the first thing in which two trainings differ, None when nothing does.

    Args:
        reference: Of the training that was never interrupted.
        other: Of the other one, which may have done epochs twice: each time must be the same.
    """
    expected = {item.place: item for item in reference}
    for item in other:
        if item.place not in expected:
            return f"The uninterrupted training did not get to {item.words} of {item.training}."
        values = expected[item.place].values
        for name in dict.fromkeys([*values, *item.values]):
            ours, theirs = values.get(name, "missing"), item.values.get(name, "missing")
            if ours != theirs:
                return f"At {item.words}, {name} is {theirs}; uninterrupted, it is {ours}."
    reached = {item.place for item in other}
    for item in reference:
        if item.place not in reached:
            return f"The continued training did not get to {item.words} of {item.training}."
    return None
