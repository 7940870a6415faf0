"""Two trainings side by side: one that was killed and continued, one that never was.

While a proof runs, an environment variable names a file to which each training appends the digests
of all that it consists of, once an epoch; another one moves its run directories aside. This module
knows those files and nothing of Keras.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
        epoch: Zero-based epoch that has ended; `END` behind the last hook of the training.
        values: Name of each thing, and its digest or its value.
    """

    epoch: int
    values: Mapping[str, str]


def moved(log_dir: str) -> str:
    """Returns where a run directory is: elsewhere while a proof runs."""
    directory = os.environ.get(DIRECTORY_VARIABLE)
    if not directory:
        return log_dir
    return str(Path(directory, *Path(log_dir).parts[Path(log_dir).is_absolute() :]))


def append_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Appends a snapshot to the file of one training."""
    line = json.dumps({"epoch": snapshot.epoch, "values": dict(snapshot.values)}) + "\n"
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
    return [Snapshot(epoch=line["epoch"], values=line["values"]) for line in whole]


def first_difference(reference: Sequence[Snapshot], other: Sequence[Snapshot]) -> str | None:
    """Returns in a sentence the first thing in which two trainings differ, None when nothing does.

    Args:
        reference: Of the training that was never interrupted.
        other: Of the other one, which may have done epochs twice.
    """
    expected = {item.epoch: item for item in reference}
    for item in other:
        where = "At the end" if item.epoch == END else f"After epoch {item.epoch + 1}"
        if item.epoch not in expected:
            return f"{where}: the uninterrupted training did not get there."
        values = expected[item.epoch].values
        for name in dict.fromkeys([*values, *item.values]):
            ours, theirs = values.get(name, "missing"), item.values.get(name, "missing")
            if ours != theirs:
                return f"{where}, {name} is {theirs}; uninterrupted, it is {ours}."
    missing = set(expected) - {item.epoch for item in other}
    if missing:
        epoch = min(missing)
        where = "the end" if epoch == END else f"epoch {epoch + 1}"
        return f"The interrupted training did not get to {where}."
    return None
