"""Read records back from event files, without TensorBoard running and without TensorFlow.

Knows where the timeline of a run lies below a log directory; nothing of what the records mean. What
was done by hand, outside of any training, is in a file of its own, the action log (`actions.py`).

Invariant: any bytes in a file lead to records or to a `Damage` that says what was left out, never
to another exception or to memory beyond the size of the file.
"""

from __future__ import annotations

import io
import os
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event as TensorBoardEvent
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.types_pb2 import DT_FLOAT

from epochline.codec import decode_record
from epochline.errors import EventFormatError
from epochline.events import Record
from epochline.records import read_frames
from epochline.store.files import open_regular
from epochline.writer import TAG_PREFIX

__all__ = [
    "CONTROL_DIR",
    "TIMELINE_DIR",
    "Damage",
    "ReadResult",
    "Scalar",
    "actions_path",
    "find_runs",
    "is_run",
    "read_actions",
    "read_records",
    "read_scalars",
]

TIMELINE_DIR: Final = "timeline"
"""The sub-run of a run directory that holds its records."""

CONTROL_DIR: Final = "control"
"""Below the timeline of a run: locks, requests, action log, audit log, trash."""

_ACTIONS_FILE: Final = "actions.records"
_MOST_ACTIONS_BYTES: Final = 64 << 20
_BUFFER_BYTES: Final = 1 << 18
_FLOAT_BYTES: Final = 4
_parsed: Final = TensorBoardEvent.FromString


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A part of a file that could not be read.

    Attributes:
        path: The event file, or the action log.
        message: What is wrong with it, in one sentence.
    """

    path: str
    message: str


class Scalar(NamedTuple):
    """A number that a stock callback wrote: under which tag, at which step, when."""

    tag: str
    step: int
    wall_time: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadResult:
    """All records of a run, in the order written, and what could not be read."""

    records: tuple[Record, ...]
    damages: tuple[Damage, ...]


def find_runs(logdir: str | os.PathLike[str]) -> list[str]:
    """Returns the names of the runs below `logdir` that Epochline recorded.

    The name of a run is its path below `logdir` with `/`, or `.` for `logdir` itself. Links to
    directories are followed once, as TensorBoard does.

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
        if TIMELINE_DIR in subdirectories and is_run(directory):
            runs.append(Path(os.path.relpath(directory, logdir)).as_posix())
    return runs


def is_run(directory: str | os.PathLike[str]) -> bool:
    """Returns whether a directory is a run.

    It holds `timeline/events.out.tfevents…`, or an action log when its files were adopted.
    """
    return bool(_event_files(Path(directory, TIMELINE_DIR))) or actions_path(directory).is_file()


def actions_path(run_dir: str | os.PathLike[str]) -> Path:
    """Returns the action log of a run."""
    return Path(run_dir, TIMELINE_DIR, CONTROL_DIR, _ACTIONS_FILE)


def read_records(run_dir: str | os.PathLike[str]) -> ReadResult:
    """Reads all records of the run in `run_dir`, what was done by hand last.

    Args:
        run_dir: What was passed to `Timeline`.
    """
    results = [_read(path) for path in _event_files(Path(run_dir, TIMELINE_DIR))]
    results.append(read_actions(run_dir))
    return ReadResult(
        records=tuple(record for result in results for record in result.records),
        damages=tuple(damage for result in results for damage in result.damages),
    )


def read_actions(run_dir: str | os.PathLike[str]) -> ReadResult:
    """Reads what was done by hand to the run in `run_dir`.

    No symbolic link below `run_dir` is followed, and no log of more than 64 MB is read.

    Args:
        run_dir: What was passed to `Timeline`.
    """
    try:
        descriptor = open_regular(actions_path(run_dir), beneath=Path(run_dir))
    except (FileNotFoundError, NotADirectoryError):
        return ReadResult(records=(), damages=())
    except OSError as error:
        return _unread(actions_path(run_dir), str(error))
    with io.FileIO(descriptor) as file:
        if os.fstat(descriptor).st_size > _MOST_ACTIONS_BYTES:
            return _unread(actions_path(run_dir), f"{_ACTIONS_FILE} is too large to be the log.")
        return _read_open(actions_path(run_dir), file)


def read_scalars(directory: str | os.PathLike[str]) -> Iterator[Scalar]:
    """Yields the scalars in the event files of a directory, as far as these can be read.

    Args:
        directory: One run of Keras's `TensorBoard` callback, such as `logs/train`.
    """
    for path in _event_files(Path(directory)):
        try:
            with path.open("rb", buffering=_BUFFER_BYTES) as file:
                for data in read_frames(file):
                    yield from _scalars(TensorBoardEvent.FromString(data))
        except (OSError, DecodeError):
            continue


def _scalars(event: TensorBoardEvent) -> Iterator[Scalar]:
    for value in event.summary.value:
        number = _number_in(value)
        if number is not None:
            yield Scalar(value.tag, event.step, event.wall_time, number)


def _number_in(value: Summary.Value) -> float | None:
    if value.HasField("simple_value"):
        return float(value.simple_value)
    if value.tensor.dtype != DT_FLOAT:
        return None
    if value.tensor.float_val:
        return float(value.tensor.float_val[0])
    content = value.tensor.tensor_content
    return float(struct.unpack("<f", content)[0]) if len(content) == _FLOAT_BYTES else None


def _read(path: Path) -> ReadResult:
    try:
        with path.open("rb", buffering=_BUFFER_BYTES) as file:
            return _read_open(path, file)
    except OSError as error:
        return _unread(path, str(error))


def _read_open(path: Path, file: BinaryIO) -> ReadResult:
    records: list[Record] = []
    try:
        for data in read_frames(file):
            _decode(data, records)
        if file.tell() == os.fstat(file.fileno()).st_size:
            return ReadResult(records=tuple(records), damages=())
        message = (
            f"{path.name} is damaged or incomplete after byte {file.tell()}; the events behind "
            "that are not shown."
        )
    except (OSError, EventFormatError) as error:
        message = str(error)
    return ReadResult(records=tuple(records), damages=(Damage(path=str(path), message=message),))


def _unread(path: Path, message: str) -> ReadResult:
    return ReadResult(records=(), damages=(Damage(path=str(path), message=message),))


def _event_files(directory: Path) -> list[Path]:
    try:
        names = sorted(name for name in os.listdir(directory) if "tfevents" in name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [directory / name for name in names]


def _decode(data: bytes, records: list[Record]) -> None:
    try:
        event = _parsed(data)
    except DecodeError as error:
        msg = "It holds a record that is not a TensorBoard event; those behind it are not shown."
        raise EventFormatError(msg) from error
    for value in event.summary.value[:]:
        session = _session(value.tag)
        if session is not None and (texts := value.tensor.string_val):
            records.append(decode_record(session, event.wall_time, texts[0]))


@lru_cache(maxsize=64)
def _session(tag: str) -> str | None:
    """Returns the session whose records have that tag; None when it is of something else."""
    return sys.intern(tag.removeprefix(TAG_PREFIX)) if tag.startswith(TAG_PREFIX) else None
