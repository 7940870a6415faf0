"""Checkpoint files that others wrote: find them, and take them into a run by hand.

Files of stock callbacks in a run that Epochline recorded are known, but not Epochline's to delete.
A folder that nobody recorded has only files, and what their names and times say. Both can be
adopted; from then on they are pruned like any others, with a trash and an undo.

Invariant: finding changes nothing; nothing is adopted but what was named.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from epochline.actions import ActionLog
from epochline.checkpoints import CheckpointEntry, values_of
from epochline.errors import CheckpointFormatError
from epochline.events import CheckpointSaved, Health, SaveReason, Tier
from epochline.layout import read_layout
from epochline.logs import read_logs
from epochline.matching import Confidence, match_files
from epochline.reader import is_run
from epochline.session import new_id
from epochline.shards import index_name
from epochline.store import digest_file
from epochline.timeline import Timeline

__all__ = [
    "ForeignFile",
    "adopt_entries",
    "adopt_files",
    "find_files",
    "foreign_entries",
    "run_around",
]

_ENDINGS: Final = (".weights.h5", ".keras", ".h5", ".hdf5")
# How variables were named in HDF5 files before `.weights.h5`, as in "dense/kernel:0".
_LEGACY_VARIABLE: Final = re.compile(r":\d+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignFile:
    """A file that looks like a checkpoint; what can be known of it.

    Attributes:
        id: Its name.
        path: Likewise.
        epoch: Zero-based epoch, as far as it can be told; -1 when it cannot.
        confidence: How sure that is.
        basis: What it rests on, in words.
        wall_time: When it was last written, in seconds since the Unix epoch.
        total_bytes: Its size.
        has_optimizer: Whether it holds the state of an optimizer.
        metrics: Those of its epoch, as logs beside it or its name tell them.
        shared_bytes: Nothing: links are left out.
        health: Nothing is known.
        tier: Likewise: it is as it was written.
        pinned: False.
        owned: True, as it would be once it is adopted.
    """

    id: str
    path: str
    epoch: int
    wall_time: float
    total_bytes: int
    has_optimizer: bool
    confidence: Confidence = Confidence.UNKNOWN
    basis: str = ""
    metrics: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    shared_bytes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    health: Health | None = None
    tier: Tier = Tier.FULL
    pinned: bool = False
    owned: bool = True


def find_files(folder: str | os.PathLike[str]) -> list[ForeignFile]:
    """Returns the files in a folder that look like Keras checkpoints, oldest first.

    They end in `.weights.h5`, `.keras`, `.h5` or `.hdf5`, and hold the variables of a Keras model:
    other HDF5 files, shards, links, unfinished files and folders below are left out. Which epoch
    each is of is told by its name, its time, and the logs of stock callbacks there or beside it.

    Args:
        folder: Where to look.

    Raises:
        OSError: If it cannot be read.
    """
    found: list[ForeignFile] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or not entry.name.endswith(_ENDINGS):
                continue
            if not entry.is_file(follow_symlinks=False) or _is_shard(Path(entry.path)):
                continue
            groups = _groups(Path(entry.path))
            if groups is None:
                continue
            stat = entry.stat(follow_symlinks=False)
            found.append(
                ForeignFile(
                    id=entry.name,
                    path=entry.name,
                    epoch=-1,
                    wall_time=stat.st_mtime,
                    total_bytes=stat.st_size,
                    has_optimizer="optimizer" in groups,
                )
            )
    matches = match_files({item.id: item.wall_time for item in found}, read_logs(folder))
    matched = [replace(item, **values_of(matches[item.id])) for item in found]
    return sorted(matched, key=lambda item: (item.wall_time, item.id))


def run_around(folder: str | os.PathLike[str]) -> Path | None:
    """Returns the run that a folder lies in, so that its files are not foreign; None without one.

    Args:
        folder: A folder that is no run itself.
    """
    return next((one for one in Path(folder).resolve().parents if is_run(one)), None)


def adopt_files(
    folder: str | os.PathLike[str],
    files: Iterable[ForeignFile],
    progress: Callable[[ForeignFile], object] | None = None,
) -> None:
    """Takes files into the run at `folder`, which becomes one by that; each is read once.

    Args:
        folder: Where they are.
        files: Which ones.
        progress: Called after each.

    Raises:
        OSError: If one cannot be read, or the folder cannot be written.
    """
    with ActionLog(folder) as log:
        for file in files:
            read = digest_file(Path(folder, file.path))
            saved = CheckpointSaved(
                id=new_id(),
                path=file.path,
                size_bytes=read.size_bytes,
                digest=read.digest,
                reason=SaveReason.ADOPTED,
                has_optimizer=file.has_optimizer,
                metrics=file.metrics,
            )
            log.append(saved, epoch=max(file.epoch, 0), wall_time=file.wall_time)
            if progress is not None:
                progress(file)


def foreign_entries(timeline: Timeline) -> list[CheckpointEntry]:
    """Returns the checkpoints of a run that others wrote, and whose files are there."""
    return [item for item in timeline.checkpoints if not item.owned and item.restorable]


def adopt_entries(run_dir: str | os.PathLike[str], entries: Iterable[CheckpointEntry]) -> None:
    """Makes checkpoints of a run that stock callbacks wrote Epochline's own.

    Args:
        run_dir: The run directory.
        entries: Which ones.

    Raises:
        OSError: If it could not be recorded.
    """
    with ActionLog(run_dir) as log:
        for item in entries:
            log.append(
                CheckpointSaved(
                    id=item.id,
                    path=item.path,
                    size_bytes=item.size_bytes or 0,
                    digest=item.digest or "",
                    reason=SaveReason.ADOPTED,
                ),
                epoch=item.epoch,
            )


def _is_shard(path: Path) -> bool:
    """Returns whether it is a part of a sharded checkpoint, and so nothing alone."""
    index = index_name(path.name)
    return index is not None and path.with_name(index).exists()


def _groups(path: Path) -> set[str] | None:
    """Returns the first parts of the paths of its variables; None when it is no Keras file."""
    try:
        layout = read_layout(path)
    except (CheckpointFormatError, OSError):
        return None
    datasets = [variable.dataset for variable in layout.variables]
    of_keras = path.name.endswith(_ENDINGS[:2]) or any(
        name.startswith("model_weights/") or _LEGACY_VARIABLE.search(name) for name in datasets
    )
    return {name.partition("/")[0] for name in datasets} if of_keras else None
