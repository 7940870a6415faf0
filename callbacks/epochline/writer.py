"""Append to TensorBoard event files, one write per event, without TensorFlow.

Knows the wrapping of a record into a TensorBoard event and the life of one file; nothing of Keras
and nothing of what the records mean. Whoever calls from a training must catch `OSError`.

Invariant: after every call, returned or raised, the file ends with a whole record, so that a later
event is never hidden behind a torn one. Nothing is buffered: what was appended survives `kill -9`.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tensorboard.compat.proto.event_pb2 import Event as TensorBoardEvent
from tensorboard.compat.proto.summary_pb2 import (
    DATA_CLASS_SCALAR,
    DATA_CLASS_TENSOR,
    Summary,
    SummaryMetadata,
)
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT, DT_STRING

from epochline.codec import encode_record
from epochline.events import Record
from epochline.records import frame

__all__ = ["PLUGIN_NAME", "TAG_PREFIX", "EventWriter"]

PLUGIN_NAME: Final = "epochline"
TAG_PREFIX: Final = "epochline/"
"""The tag of a record is this and the id of its session: TensorBoard's default loader erases what
stands in the same tag at or after a step that comes again, so that sessions must not share one."""

_RECORD_METADATA: Final = SummaryMetadata(
    plugin_data=SummaryMetadata.PluginData(plugin_name=PLUGIN_NAME), data_class=DATA_CLASS_TENSOR
)
_SCALAR_METADATA: Final = SummaryMetadata(
    plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"), data_class=DATA_CLASS_SCALAR
)


class EventWriter:
    """One event file in a directory of its own or after all that are there.

    The file is created by the first event, so that a writer that has nothing to say leaves no
    trace.

    Args:
        directory: Where the file goes; made when missing.

    Example:
        >>> import tempfile
        >>> writer = EventWriter(tempfile.mkdtemp())
        >>> writer.append_scalars(0, {"epoch_loss": 0.5})
        >>> writer.close()
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        self._fd: int | None = None
        self._size = 0

    def append_record(self, record: Record) -> None:
        """Appends `record` under the tag of its session, at its sequence number as step.

        Raises:
            OSError: If it could not be written whole; the file is as it was before.
        """
        tensor = TensorProto(dtype=DT_STRING, string_val=[encode_record(record)])
        tensor.tensor_shape.SetInParent()
        value = Summary.Value(
            tag=TAG_PREFIX + record.session, metadata=_RECORD_METADATA, tensor=tensor
        )
        self._append(
            TensorBoardEvent(
                wall_time=record.wall_time, step=record.seq, summary=Summary(value=[value])
            )
        )

    def append_scalars(
        self, step: int, values: Mapping[str, float], wall_time: float | None = None
    ) -> None:
        """Appends scalars as TensorBoard's dashboards expect them (float32).

        Args:
            step: Place on TensorBoard's x-axis.
            values: Tag to value.
            wall_time: Seconds since the Unix epoch; now when None.

        Raises:
            OSError: If they could not be written whole; the file is as it was before.
        """
        summary = Summary()
        for tag, number in values.items():
            value = summary.value.add(tag=tag, metadata=_SCALAR_METADATA)
            value.tensor.dtype = DT_FLOAT
            value.tensor.tensor_shape.SetInParent()
            value.tensor.float_val.append(number)
        self._append(
            TensorBoardEvent(
                wall_time=time.time() if wall_time is None else wall_time,
                step=step,
                summary=summary,
            )
        )

    def close(self) -> None:
        """Closes the file. A later append starts another one."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _append(self, event: TensorBoardEvent) -> None:
        fd = self._open() if self._fd is None else self._fd
        self._write(fd, frame(event.SerializeToString()))

    def _open(self) -> int:
        self.directory.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        self._fd = fd = os.open(self.directory / _next_name(self.directory), flags, 0o666)
        self._size = 0
        header = TensorBoardEvent(wall_time=time.time(), file_version="brain.Event:2")
        try:
            self._write(fd, frame(header.SerializeToString()))
        except OSError:
            self.close()
            raise
        return fd

    def _write(self, fd: int, data: bytes) -> None:
        try:
            written = os.write(fd, data)
            while written < len(data):
                written += os.write(fd, data[written:])
        except OSError:
            try:
                os.ftruncate(fd, self._size)
            except OSError:
                # The tail is torn for good: what comes next goes into a new file.
                self.close()
            raise
        self._size += len(data)


def _next_name(directory: Path) -> str:
    """Returns a file name that sorts after every event file there.

    TensorBoard's Python loader reads the files of a directory in the order of their names and never
    comes back to an earlier one.
    """
    stamps = [
        int(match[1])
        for name in os.listdir(directory)
        if (match := re.match(r"events\.out\.tfevents\.(\d{10,12})\.", name))
    ]
    stamp = max([int(time.time()), *(other + 1 for other in stamps)])
    host = re.sub(r"[^\w.-]", "_", socket.gethostname()) or "localhost"
    return f"events.out.tfevents.{stamp:010d}.{host}.{os.getpid()}.0"
