"""Read records back from event files, without TensorBoard running and without TensorFlow.

Knows where the timeline of a run lies below a log directory; nothing of what the records mean.

Invariant: any bytes in an event file lead to records or to a `Damage` that says what was left out,
never to another exception or to memory beyond the size of the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event as TensorBoardEvent

from epochline.codec import decode_record
from epochline.errors import EventFormatError
from epochline.events import Record
from epochline.records import read_frames
from epochline.writer import TAG_PREFIX

__all__ = ["TIMELINE_DIR", "Damage", "ReadResult", "find_runs", "read_records"]

TIMELINE_DIR: Final = "timeline"
"""The sub-run of a run directory that holds its records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A part of an event file that could not be read.

    Attributes:
        path: The event file.
        message: What is wrong with it, in one sentence.
    """

    path: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadResult:
    """All records of a run, in the order written, and what could not be read."""

    records: tuple[Record, ...]
    damages: tuple[Damage, ...]


def find_runs(logdir: str | os.PathLike[str]) -> list[str]:
    """Returns the names of the runs below `logdir` that Epochline recorded.

    A run is a directory that holds `timeline/events.out.tfevents…`; its name is its path below
    `logdir` with `/`, or `.` for `logdir` itself. Links to directories are followed once, as
    TensorBoard does.

    Args:
        logdir: What was passed to `Timeline`, or any directory above.
    """
    runs: list[str] = []
    seen: set[tuple[int, int]] = set()
    for directory, subdirectories, _ in os.walk(logdir, followlinks=True):
        try:
            status = os.stat(directory)
        except FileNotFoundError:
            continue  # it vanished while we looked
        if (status.st_dev, status.st_ino) in seen:
            subdirectories.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        subdirectories.sort()
        if TIMELINE_DIR in subdirectories and _event_files(Path(directory, TIMELINE_DIR)):
            runs.append(Path(os.path.relpath(directory, logdir)).as_posix())
    return runs


def read_records(run_dir: str | os.PathLike[str]) -> ReadResult:
    """Reads all records of the run in `run_dir`.

    Args:
        run_dir: What was passed to `Timeline`.
    """
    records: list[Record] = []
    damages: list[Damage] = []
    for path in _event_files(Path(run_dir, TIMELINE_DIR)):
        try:
            with path.open("rb") as file:
                for data in read_frames(file):
                    records.extend(_decode(data))
                if file.tell() < os.fstat(file.fileno()).st_size:
                    message = (
                        f"{path.name} is damaged or incomplete after byte {file.tell()}; the "
                        "events behind that are not shown."
                    )
                    damages.append(Damage(path=str(path), message=message))
        except (OSError, EventFormatError) as error:
            damages.append(Damage(path=str(path), message=str(error)))
    return ReadResult(records=tuple(records), damages=tuple(damages))


def _event_files(directory: Path) -> list[Path]:
    try:
        names = sorted(name for name in os.listdir(directory) if "tfevents" in name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [directory / name for name in names]


def _decode(data: bytes) -> Iterator[Record]:
    try:
        event = TensorBoardEvent.FromString(data)
    except DecodeError as error:
        msg = "It holds a record that is not a TensorBoard event; those behind it are not shown."
        raise EventFormatError(msg) from error
    for value in event.summary.value:
        if value.tag.startswith(TAG_PREFIX) and value.tensor.string_val:
            session = value.tag.removeprefix(TAG_PREFIX)
            yield decode_record(session, event.wall_time, value.tensor.string_val[0])
