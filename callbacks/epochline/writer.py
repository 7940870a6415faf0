"""Append to TensorBoard event files, one write per event, without TensorFlow.

Knows the wrapping of a record into a TensorBoard event and the life of one file; nothing of Keras
and nothing of what the records mean. Whoever calls from a training must catch `OSError`.

Invariant: after every call, returned or raised, the file ends with a whole record, so that a later
event is never hidden behind a torn one. An event for which a call returned is in the file and
survives `kill -9`; one for which it raised is kept and goes into the file before the next, in
order.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tensorboard.compat.proto.event_pb2 import Event as TensorBoardEvent
from tensorboard.compat.proto.summary_pb2 import (
    DATA_CLASS_SCALAR,
    DATA_CLASS_TENSOR,
    SummaryMetadata,
)
from tensorboard.compat.proto.types_pb2 import DT_FLOAT, DT_STRING

from epochline.codec import encode_record
from epochline.events import Record
from epochline.records import frame
from epochline.store.files import write_all

__all__ = ["PLUGIN_NAME", "TAG_PREFIX", "EventWriter", "wrap"]

PLUGIN_NAME: Final = "epochline"
TAG_PREFIX: Final = "epochline/"
"""The tag of a record is this and the id of its session: TensorBoard's default loader erases what
stands in the same tag at or after a step that comes again, so that sessions must not share one."""

_KEPT_BYTES: Final = 64 << 20
_FLAGS: Final[int] = (
    os.O_WRONLY
    | os.O_APPEND
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_RECORD_METADATA: Final = SummaryMetadata(
    plugin_data=SummaryMetadata.PluginData(plugin_name=PLUGIN_NAME), data_class=DATA_CLASS_TENSOR
)
_SCALAR_METADATA: Final = SummaryMetadata(
    plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"), data_class=DATA_CLASS_SCALAR
)


def wrap(record: Record) -> TensorBoardEvent:
    """Returns `record` as TensorBoard stores it: a text tensor under the tag of its session."""
    value = {
        "tag": TAG_PREFIX + record.session,
        "metadata": _RECORD_METADATA,
        "tensor": {"dtype": DT_STRING, "tensor_shape": {}, "string_val": [encode_record(record)]},
    }
    return TensorBoardEvent(wall_time=record.wall_time, step=record.seq, summary={"value": [value]})


class EventWriter:
    """One event file in a directory of its own or after all that are there.

    The file is created by the first event, so that a writer that has nothing to say leaves no
    trace. Events that cannot be written are kept, and written before the next one; 64 MB of them at
    most, then the oldest are dropped.

    Args:
        directory: Where the file goes; made when missing.

    Attributes:
        directory: As given.

    Example:
        >>> import tempfile
        >>> writer = EventWriter(tempfile.mkdtemp())
        >>> writer.append_scalars(0, {"epoch_loss": 0.5})
        >>> writer.close()
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        self._path = self.directory
        self._fd: int | None = None
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._dropped = 0

    @property
    def unwritten(self) -> int:
        """How many events were kept, or dropped, because they could not be written."""
        return len(self._kept) + self._dropped

    @property
    def lost(self) -> bool:
        """Whether the file that was begun is no longer at its place.

        The next event begins another one there.
        """
        if self._fd is None:
            return False
        try:
            return not os.path.samestat(os.fstat(self._fd), os.stat(self._path))
        except OSError:
            return True

    def append_record(self, record: Record) -> None:
        """Appends `record` under the tag of its session, at its sequence number as step.

        Raises:
            OSError: If it could not be written; it is kept, and the file is as it was before.
        """
        self._append(wrap(record))

    def append_scalars(
        self, step: int, values: Mapping[str, float], wall_time: float | None = None
    ) -> None:
        """Appends scalars as TensorBoard's dashboards expect them (float32).

        Args:
            step: Place on TensorBoard's x-axis.
            values: Tag to value.
            wall_time: Seconds since the Unix epoch; now when None.

        Raises:
            OSError: If they could not be written; they are kept, and the file is as it was before.
        """
        scalars = [
            {
                "tag": tag,
                "metadata": _SCALAR_METADATA,
                "tensor": {"dtype": DT_FLOAT, "tensor_shape": {}, "float_val": [number]},
            }
            for tag, number in values.items()
        ]
        self._append(
            TensorBoardEvent(
                wall_time=time.time() if wall_time is None else wall_time,
                step=step,
                summary={"value": scalars},
            )
        )

    def sync(self) -> None:
        """Makes what was appended survive a power loss.

        Raises:
            OSError: If the disk cannot.
        """
        if self._fd is not None:
            os.fsync(self._fd)

    def close(self) -> None:
        """Writes what was kept and closes the file. A later append starts another one.

        Raises:
            OSError: If there is something that still could not be written, or if the disk reports
                only now that something was not.
        """
        try:
            self._flush()
        finally:
            self._close_file()

    def _append(self, event: TensorBoardEvent) -> None:
        data = frame(event.SerializeToString())
        self._kept.append(data)
        self._kept_bytes += len(data)
        while self._kept_bytes > _KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popleft())
            self._dropped += 1
        self._flush()

    def _flush(self) -> None:
        while self._kept:
            self._write(self._open_file(), self._kept[0])
            self._kept_bytes -= len(self._kept.popleft())

    def _open_file(self) -> int:
        if self.lost:
            self._close_file()
        if self._fd is not None:
            return self._fd
        self.directory.mkdir(parents=True, exist_ok=True)
        self._path = self.directory / _next_name(self.directory)
        self._fd = fd = os.open(self._path, _FLAGS, 0o666)
        header = TensorBoardEvent(wall_time=time.time(), file_version="brain.Event:2")
        try:
            self._write(fd, frame(header.SerializeToString()))
        except BaseException:
            self._close_file()
            raise
        return fd

    def _close_file(self) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)

    def _write(self, fd: int, data: bytes) -> None:
        size = os.fstat(fd).st_size
        try:
            write_all(fd, data)
        except BaseException:  # Ctrl-C between two parts would tear a record, too
            try:
                os.ftruncate(fd, size)
            except OSError:
                # The tail is torn for good: what comes next goes into a new file.
                self._close_file()
            raise


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
